"""KeptQueue: what nobody listens to is counted, looked at, taken and removed, whoever put it there."""

from __future__ import annotations

import base64
import json

import pytest
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from shared.store.connection import StorageConnection
from shared.store.memory import MemoryQueue
from shared.store.ports import KeptQueue
from shared.store.queues import StorageKeptQueue, StorageQueue

MESSAGES = [{"number": number, "name": "Zürich"} for number in range(3)]


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
def kept(request: pytest.FixtureRequest, unique_name: str) -> KeptQueue:
    """With MESSAGES in it."""
    if request.param == "memory":
        queue = MemoryQueue()
        for message in MESSAGES:
            queue.send(message)
        return queue
    connection: StorageConnection = request.getfixturevalue("connection")
    for message in MESSAGES:
        StorageQueue(connection.queue(f"{unique_name}-crl")).send(message)
    return StorageKeptQueue(connection.raw_queue(f"{unique_name}-crl"))


def numbers(bodies: list[str]) -> list[int]:
    return sorted(json.loads(body)["number"] for body in bodies)


def test_looking_changes_nothing(kept: KeptQueue) -> None:
    for _ in range(2):
        assert numbers(kept.peek(32)) == [0, 1, 2]
    assert len(kept.peek(2)) == 2
    assert kept.length() == 3


def test_what_is_taken_and_removed_is_gone(kept: KeptQueue) -> None:
    taken = kept.take(32)
    assert numbers([message.body for message in taken]) == [0, 1, 2]
    for message in (*taken[:2], taken[0]):
        kept.remove(message)
    assert kept.length() == 1
    assert "Zürich" not in repr(taken[0])


@pytest.mark.azurite
def test_a_queue_that_is_not_there_is_empty(connection: StorageConnection, unique_name: str) -> None:
    kept = StorageKeptQueue(connection.raw_queue(f"{unique_name}-nowhere"))
    assert (kept.length(), kept.peek(5), kept.take(5)) == (0, [], [])


@pytest.mark.azurite
def test_messages_need_not_be_base64(
    azurite: Azurite, connection: StorageConnection, unique_name: str
) -> None:
    raw = QueueClient.from_connection_string(azurite.connection_string, f"{unique_name}-crl")
    bodies = ["no base64!", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b'{"a":1}').decode()]
    for body in bodies:
        raw.send_message(body)
    kept = StorageKeptQueue(connection.raw_queue(f"{unique_name}-crl"))
    assert sorted(kept.peek(32)) == sorted([bodies[0], bodies[1], '{"a":1}'])
