"""Start, stop, exit codes, settings: what a person at the terminal or a supervising program sees."""

import base64
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from tests.host.process import APP, HostProcess, await_true, running_host, spawn
from tests.ports import free_port

pytestmark = [pytest.mark.host]
HOST_JSON = (APP / "host.json").read_text()
PLAIN_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.route(route="{route}")
def one(req: func.HttpRequest) -> {answer}:
    return "one"
"""
TWIN = """
@app.route(route="b")
@app.function_name("one")
def two(req: func.HttpRequest) -> str:
    return "two"
"""


def finished(host: HostProcess) -> tuple[int, str]:
    """The exit code and what was printed, of a host that ends by itself."""
    try:
        return host.process.wait(40), host.output()
    finally:
        host.client.close()
        host.process.kill()
        host.process.wait()


def listening(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname or "", address.port or 0)) == 0


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def write_app(folder: Path, code: str, host_json: str = HOST_JSON) -> Path:
    (folder / "function_app.py").write_text(code)
    (folder / "host.json").write_text(host_json)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_ends_with_0(number: signal.Signals) -> None:
    with running_host("--in-memory") as host:
        blob = str(host.ready["blob_url"])
        assert listening(host.url)
        assert listening(blob)
        assert host.stop(number) == 0
        assert not listening(host.url)
        assert not listening(blob)
        assert not (host.folder / "ready.json").exists()


def test_running_calls_are_finished_before_the_end() -> None:
    with running_host("--in-memory") as host:
        answers: list[str] = []
        url = host.url + "/sleep?seconds=1.5"
        caller = threading.Thread(target=lambda: answers.append(httpx.get(url, timeout=20).text))
        caller.start()
        host.client.post(host.url + "/enqueue", json=[json.dumps({"sleep": 1.5})])
        host.await_record("work")
        host.await_record("sleep", began=True)
        assert host.stop() == 0
        caller.join()
        assert answers == ["slept"]
        assert len(host.record("work done")) == 1


def test_the_app_is_told_of_the_end_while_storage_is_there() -> None:
    with running_host("--in-memory") as host:
        assert host.stop() == 0
        (told,) = host.record("close")
        assert "test-work" in told["queues"]


def test_calls_that_outstay_the_grace_are_given_up() -> None:
    with running_host("--in-memory", "--grace-seconds", "0.5") as host:
        host.client.post(
            host.url + "/admin/functions/work", json={"input": '{"sleep": 100}'}, headers=host.master
        )
        host.await_record("work")
        started = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - started < 30
        assert host.record("work done") == []


def test_a_killed_host_leaves_no_azurite_behind() -> None:
    with running_host("--in-memory") as host:
        blob = str(host.ready["blob_url"])
        host.process.kill()
        host.process.wait()
        await_true(lambda: not listening(blob), lambda: "Azurite goes on")


def test_data_on_disk_outlives_the_host(tmp_path: Path) -> None:
    with running_host("--data", str(tmp_path / "data"), "--no-timers") as host:
        host.client.post(host.url + "/enqueue", json=['{"fail": 1}'])
        host.await_record("work", tries=1)
    with running_host("--data", str(tmp_path / "data"), "--no-timers") as host:
        host.await_record("work done")
        assert [entry["tries"] for entry in host.record("work")] == [2]


def test_a_stop_hides_no_message_from_the_next_start(azurite: Azurite, unique_name: str) -> None:
    with QueueClient.from_connection_string(azurite.connection_string, f"{unique_name}-work") as queue:
        queue.create_queue()
        for number in range(20):
            body = json.dumps({"number": number, "sleep": 0.2}).encode()
            queue.send_message(base64.b64encode(body).decode())
    arguments, environment = ("--storage", azurite.connection_string), {"TEST_PREFIX": unique_name}
    with running_host(*arguments, environment=environment) as host:
        host.await_record("work done")
        assert host.stop() == 0
        done = {entry["body"] for entry in host.record("work done")}
        assert 0 < len(done) < 20
    with running_host(*arguments, environment=environment) as host:
        await_true(lambda: len(done | {e["body"] for e in host.record("work done")}) == 20, host.output)


def test_a_taken_port_ends_with_3(azurite: Azurite, tmp_path: Path) -> None:
    port = urlsplit(azurite.blob_url).port
    host = spawn(tmp_path, "--storage", azurite.connection_string, "--port", str(port))
    code, output = finished(host)
    assert code == 3
    assert f"port {port}" in output


def test_taken_azurite_ports_end_with_3(azurite: Azurite, tmp_path: Path) -> None:
    ports = ",".join(map(str, azurite.ports))
    code, output = finished(spawn(tmp_path, "--in-memory", "--azurite-ports", ports, "--port", "0"))
    assert code == 3
    assert f"127.0.0.1:{azurite.ports[0]}: the port is in use" in output


def test_missing_node_ends_with_4(tmp_path: Path) -> None:
    code, output = finished(spawn(tmp_path, "--in-memory", environment={"PATH": str(tmp_path)}))
    assert code == 4
    assert "Node.js is needed" in output


def test_azurites_death_ends_the_host_with_6() -> None:
    with running_host("--in-memory") as host:
        (azurite,) = children(host.process.pid)
        os.kill(azurite, signal.SIGKILL)
        code, output = finished(host)
        assert code == 6
        assert "stopped by itself" in output
        assert not listening(host.url)


@pytest.mark.parametrize(
    ("code", "host_json", "reason"),
    [
        ("raise RuntimeError('broken')", HOST_JSON, "RuntimeError: broken"),
        ("import no_such_module", HOST_JSON, "ModuleNotFoundError"),
        ("app = None", HOST_JSON, "must have one FunctionApp"),
        (
            PLAIN_APP.format(route="admin/x", answer="str"),
            HOST_JSON,
            "the host refuses or cannot read the route",
        ),
        (
            PLAIN_APP.format(route="Runtime", answer="str"),
            HOST_JSON,
            "the host refuses or cannot read the route",
        ),
        (
            PLAIN_APP.format(route="administrators", answer="str"),
            HOST_JSON,
            "the host refuses or cannot read the route",
        ),
        (PLAIN_APP.format(route="a/{id:regex(x)}", answer="str"), HOST_JSON, "regex"),
        (PLAIN_APP.format(route="a", answer="str | None"), HOST_JSON, "return annotation"),
        (PLAIN_APP.format(route="a", answer="str").replace("(req:", "(wrong:"), HOST_JSON, "parameters"),
        (PLAIN_APP.format(route="a", answer="str") + TWIN, HOST_JSON, "unique"),
        (
            PLAIN_APP.format(route="a", answer="str")
            + "@app.blob_trigger(arg_name='b', path='x', connection='')\n"
            "def two(b: func.InputStream) -> None: ...",
            HOST_JSON,
            "no blobTrigger",
        ),
        (PLAIN_APP.format(route="a", answer="str"), "{}", "version"),
        (PLAIN_APP.format(route="a", answer="str"), '{"version": "2.0"}', "extensionBundle"),
        (
            PLAIN_APP.format(route="a", answer="str"),
            HOST_JSON.replace('"batchSize": 4', '"batchSize": 33'),
            "batchSize",
        ),
        (PLAIN_APP.format(route="a", answer="str"), "not JSON", "host.json"),
    ],
)
def test_an_app_that_cannot_be_served_ends_with_7(
    azurite: Azurite, tmp_path: Path, code: str, host_json: str, reason: str
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    host = spawn(
        tmp_path, "--port", "0", "--storage", azurite.connection_string, app=write_app(app, code, host_json)
    )
    exit_code, output = finished(host)
    assert exit_code == 7, output
    assert reason in output.splitlines()[-1]


def test_a_setting_that_is_named_but_missing_ends_with_7(azurite: Azurite, tmp_path: Path) -> None:
    host = spawn(
        tmp_path, "--port", "0", "--storage", azurite.connection_string, environment={"TEST_SCHEDULE": ""}
    )
    code, output = finished(host)
    assert code == 7
    assert "TEST_SCHEDULE" in output


def test_storage_that_does_not_answer_ends_with_8(azurite: Azurite, tmp_path: Path, closed_port: int) -> None:
    away = azurite.connection_string.replace(f":{azurite.ports[1]}/", f":{closed_port}/")
    code, output = finished(spawn(tmp_path, "--storage", away, "--port", "0"))
    assert code == 8
    assert "cannot be made" in output


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Nobody listens there, and while it is bound nobody else can."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


def test_a_wrong_option_ends_with_2(tmp_path: Path) -> None:
    assert finished(spawn(tmp_path, "--azurite-ports", "1,2"))[0] == 2


def test_settings_file_the_environment_wins(tmp_path: Path) -> None:
    values = {
        "FROM_FILE": "file",
        "FROM_BOTH": "file",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "ANOTHER_STORAGE": "UseDevelopmentStorage=true",
    }
    settings = tmp_path / "some.settings.json"
    settings.write_text(json.dumps({"IsEncrypted": False, "Values": values, "Host": {"LocalHttpPort": 1}}))
    environment = {"FROM_BOTH": "environment"}
    with running_host("--in-memory", "--settings", str(settings), environment=environment) as host:
        found = {name: host.client.get(f"{host.url}/setting/{name}").text for name in values}
        assert found == {
            "FROM_FILE": "file",
            "FROM_BOTH": "environment",
            "AzureWebJobsStorage": host.ready["storage"],
            "ANOTHER_STORAGE": host.ready["storage"],
        }
        assert "BlobEndpoint=http://127.0.0.1:" in host.ready["storage"]


@pytest.mark.parametrize(
    "content",
    ['{"Values": {"NUMBER": 1}}', '{"IsEncrypted": true, "Values": {}}', "[]", '{"Values": {"A": "s3cr3t"}'],
)
def test_settings_that_core_tools_would_not_take_end_with_7(tmp_path: Path, content: str) -> None:
    settings = tmp_path / "local.settings.json"
    settings.write_text(content)
    code, output = finished(spawn(tmp_path, "--settings", str(settings), "--in-memory"))
    assert (code, "s3cr3t" in output) == (7, False)
    assert "local.settings.json" in output


def test_the_port_of_the_settings_is_the_default(azurite: Azurite, tmp_path: Path) -> None:
    settings, port = tmp_path / "local.settings.json", free_port()
    settings.write_text(json.dumps({"Values": {}, "Host": {"LocalHttpPort": port}}))
    ready = tmp_path / "ready.json"
    arguments = (
        "--settings",
        str(settings),
        "--storage",
        azurite.connection_string,
        "--ready-file",
        str(ready),
    )
    host = spawn(tmp_path, *arguments)
    try:
        host.await_ready(ready)
        assert host.url == f"http://127.0.0.1:{port}"
    finally:
        assert host.stop() == 0


def test_ready_file_says_all_and_only_to_its_owner() -> None:
    with running_host("--in-memory") as host:
        assert set(host.ready) == {"url", "pid", "storage", "blob_url", "function_key", "master_key"}
        assert host.ready["pid"] == host.process.pid
        assert host.ready["blob_url"] in host.ready["storage"]
        assert (host.folder / "ready.json").stat().st_mode & 0o777 == 0o600


def test_functions_are_listed_and_keys_are_not(host: HostProcess) -> None:
    output = host.output()
    assert f"Serving {host.url}" in output
    for words in (
        ["echo", "http", "echo/{name:alpha}/{number:int?}"],
        ["work", "queue"],
        ["at_start", "timer"],
    ):
        assert any(line.split()[: len(words)] == words for line in output.splitlines()), words
    assert host.ready["function_key"] not in output
    assert host.ready["master_key"] not in output
