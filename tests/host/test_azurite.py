"""Azurite as a child process: up, down, and what stands in its way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

import local.azurite
from local.azurite import Azurite
from local.failures import AzuriteDied, AzuriteMissing, NodeMissing, PortTaken
from tests.host.process import ROOT, await_true

START_AND_DIE = """
import os, signal
from local.azurite import Azurite
print(Azurite.start(outlives={outlives}).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def orphan(*, outlives: bool) -> int:
    """The process id of an Azurite whose parent was killed."""
    code = START_AND_DIE.format(outlives=outlives)
    return int(
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=False).stdout
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.azurite
def test_all_three_services_answer(azurite: Azurite, unique_name: str) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        assert blobs.create_container(unique_name).url == f"{azurite.blob_url}/{unique_name}"
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        assert queues.create_queue(unique_name).url == f"{azurite.queue_url}/{unique_name}"
    assert azurite.running
    assert azurite.table_url == f"http://127.0.0.1:{azurite.ports[2]}/devstoreaccount1"


@pytest.mark.azurite
def test_data_in_a_folder_outlives_a_stop(tmp_path: Path) -> None:
    with Azurite.start(in_memory=False, folder=tmp_path) as first:
        with QueueServiceClient.from_connection_string(first.connection_string) as queues:
            queues.create_queue("kept")
        ports = first.ports
    assert not first.running
    with Azurite.start(in_memory=False, folder=tmp_path, ports=ports) as second:
        assert second.ports == ports
        with QueueServiceClient.from_connection_string(second.connection_string) as queues:
            assert [queue.name for queue in queues.list_queues()] == ["kept"]


@pytest.mark.azurite
def test_it_goes_when_its_parent_is_killed() -> None:
    pid = orphan(outlives=False)
    await_true(lambda: not alive(pid), lambda: f"Azurite {pid} is still there")


@pytest.mark.azurite
def test_it_stays_when_it_was_told_to() -> None:
    pid = orphan(outlives=True)
    try:
        assert alive(pid)
    finally:
        os.kill(pid, signal.SIGTERM)
    await_true(lambda: not alive(pid), lambda: f"Azurite {pid} is still there")


@pytest.mark.azurite
def test_a_taken_port_is_named(azurite: Azurite) -> None:
    with pytest.raises(PortTaken, match=f"127.0.0.1:{azurite.ports[0]}"):
        Azurite.start(ports=azurite.ports)


def test_missing_node_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NodeMissing, match=r"Node\.js"):
        Azurite.start()


def test_missing_package_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local.azurite, "PACKAGE", tmp_path)
    with pytest.raises(AzuriteMissing, match="make setup") as caught:
        Azurite.start()
    assert caught.value.exit_code == 5


@pytest.mark.azurite
def test_death_at_start_comes_with_its_output(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(AzuriteDied, match=r"code 1(.|\n)*file"):
        Azurite.start(in_memory=False, folder=blocked / "folder")


def test_memory_or_a_folder() -> None:
    with pytest.raises(ValueError, match="either"):
        Azurite.start(in_memory=True, folder=Path("somewhere"))
