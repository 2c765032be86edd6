"""Queue triggers and outputs: encoding, metadata, retries, poison queues, leases and limits."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from tests.host.process import HostProcess, await_true, running_host

pytestmark = [pytest.mark.host, pytest.mark.azurite]


def encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()


def send(host: HostProcess, *bodies: bytes, queue: str = "work") -> None:
    with queue_of(host, queue) as client:
        for body in bodies:
            client.send_message(encoded(body))


def queue_of(host: HostProcess, queue: str) -> QueueClient:
    name = f"{host.client.get(host.url + '/setting/TEST_PREFIX').text}-{queue}"
    return QueueClient.from_connection_string(str(host.ready["storage"]), name)


@contextmanager
def over(azurite: Azurite, prefix: str, *arguments: str) -> Iterator[HostProcess]:
    environment = {"TEST_PREFIX": prefix}
    with running_host("--storage", azurite.connection_string, *arguments, environment=environment) as running:
        yield running


def test_an_output_is_sent_as_base64_one_message_for_each_text(host: HostProcess, unique_name: str) -> None:
    bodies = [f"{unique_name} \u00e9", json.dumps({"name": unique_name})]
    assert host.client.post(host.url + "/enqueue", json=bodies).status_code == 202
    for body in bodies:
        host.await_record("work done", body=body.encode().hex())


def test_message_metadata(host: HostProcess, unique_name: str) -> None:
    before = time.time()
    send(host, unique_name.encode())
    (entry,) = host.await_record("work", body=unique_name.encode().hex())
    assert (entry["tries"], entry["receipt"]) == (1, True)
    assert len(entry["id"]) == 36
    inserted, expires, visible = entry["times"]
    assert inserted < visible < expires
    assert entry["at"] >= before


def test_bytes_that_are_no_text_arrive_as_they_are(host: HostProcess, unique_name: str) -> None:
    body = b"\xff\x00" + unique_name.encode()
    send(host, body)
    host.await_record("work done", body=body.hex())


def test_a_failure_is_tried_again_after_the_visibility_timeout(host: HostProcess, unique_name: str) -> None:
    body = json.dumps({"fail": 1, "name": unique_name}).encode()
    send(host, body)
    host.await_record("work done", body=body.hex())
    first, second = host.await_record("work", 2, body=body.hex())
    assert (first["tries"], second["tries"]) == (1, 2)
    assert second["at"] - first["at"] >= 0.9, "visibilityTimeout of the app is a second"


def test_after_the_last_try_it_goes_to_the_poison_queue(host: HostProcess, unique_name: str) -> None:
    body = json.dumps({"fail": 99, "name": unique_name}).encode()
    send(host, body)
    host.await_record("poisoned", body=body.hex())
    assert [entry["tries"] for entry in host.await_record("work", 3, body=body.hex())] == [1, 2, 3]


def test_a_poison_queue_has_no_poison_queue(host: HostProcess, unique_name: str) -> None:
    body = f"stubborn {unique_name}".encode()
    send(host, body, queue="work-poison")
    host.await_record("poisoned", 3, body=body.hex())
    with queue_of(host, "work-poison") as queue:
        left = queue.get_queue_properties().approximate_message_count
        assert left, "it stays, hidden until its lease ends"
    with queue_of(host, "work-poison-poison") as queue, pytest.raises(Exception, match="QueueNotFound"):
        queue.get_queue_properties()


def test_a_message_that_is_not_base64_goes_to_the_poison_queue(host: HostProcess) -> None:
    with queue_of(host, "work") as queue, queue_of(host, "work-poison") as poison:
        queue.send_message("%% not base64 %%")
        texts: list[Any] = []

        def arrived() -> bool:
            texts.extend(message.content for message in poison.peek_messages(max_messages=32))
            return "%% not base64 %%" in texts

        await_true(arrived, host.output)
    assert "%% not base64 %%" not in host.output(), "a message may hold what no log should"


def test_a_message_tried_too_often_goes_to_the_poison_queue_unseen(
    azurite: Azurite, unique_name: str
) -> None:
    queue = QueueClient.from_connection_string(azurite.connection_string, f"{unique_name}-work")
    with queue:
        queue.create_queue()
        queue.send_message(encoded(b"crashes its host"))
        for _ in range(3):
            await_true(lambda: queue.receive_message(visibility_timeout=1) is not None, lambda: "no message")
    with over(azurite, unique_name) as host:
        host.await_record("poisoned", body=b"crashes its host".hex())
        assert host.record("work") == []


def test_a_lease_is_renewed_while_the_function_runs(azurite: Azurite, unique_name: str) -> None:
    with over(azurite, unique_name, "--lease-seconds", "2") as host:
        body = json.dumps({"sleep": 4}).encode()
        send(host, body)
        host.await_record("work done", body=body.hex())
        assert len(host.record("work")) == 1
        with queue_of(host, "work") as queue:
            await_true(lambda: queue.get_queue_properties().approximate_message_count == 0, host.output)


def test_a_killed_hosts_message_comes_back_when_its_lease_ends(azurite: Azurite, unique_name: str) -> None:
    body = json.dumps({"sleep": 2}).encode()
    with over(azurite, unique_name, "--lease-seconds", "3") as host:
        send(host, body)
        host.await_record("work", body=body.hex())
        host.process.kill()
        host.process.wait()
    with over(azurite, unique_name) as host:
        (entry,) = host.await_record("work", body=body.hex())
        assert entry["tries"] == 2


def test_messages_in_work_stay_within_batch_and_threshold(host: HostProcess, unique_name: str) -> None:
    bodies = [json.dumps({"sleep": 0.5, "name": f"{unique_name}{number}"}).encode() for number in range(14)]
    send(host, *bodies)
    for body in bodies:
        host.await_record("work done", body=body.hex())
    running, most = 0, 0
    for entry in host.record("work", "work done"):
        if entry["body"] in {body.hex() for body in bodies}:
            running += 1 if entry["function"] == "work" else -1
            most = max(most, running)
    assert 2 <= most <= 5, "batchSize 4 and newBatchThreshold 1 of the app"


def test_a_queue_function_runs_on_demand(host: HostProcess, unique_name: str) -> None:
    url = host.url + "/admin/functions/work"
    response = host.client.post(url, json={"input": unique_name}, headers=host.master)
    assert response.status_code == 202
    assert len(host.await_record("work done", body=unique_name.encode().hex())) == 1
    assert host.client.post(url, json={"input": unique_name}).status_code == 401
