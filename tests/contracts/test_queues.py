"""Queue: compact JSON in base64, delays, limits."""

from __future__ import annotations

import base64
import json

import pytest
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from shared.errors import IssuanceFault, MalformedMessage
from shared.store.connection import StorageConnection
from shared.store.memory import MemoryQueue
from shared.store.ports import Queue
from shared.store.queues import StorageQueue

MESSAGE = {"version": 1, "issuer": "00112233aabbccdd", "note": "Zürich / 名前", "list": [1, None, True]}


def padded(size: int) -> dict[str, str]:
    """A message whose body has `size` bytes."""
    return {"x": "y" * (size - len('{"x":""}'))}


def test_memory_keeps_what_was_sent() -> None:
    queue = MemoryQueue()
    queue.send(MESSAGE, delay=5)
    assert queue.sent == [(MESSAGE, 5)]


def test_a_message_of_48_kib_fits(queue: Queue) -> None:
    queue.send(padded(48 * 1024))


@pytest.mark.parametrize("message", [padded(48 * 1024 + 1), {"x": "é" * 24 * 1024}, {"x": "\ud800"}])
def test_what_a_queue_cannot_hold_is_refused(queue: Queue, message: dict[str, str]) -> None:
    with pytest.raises(MalformedMessage):
        queue.send(message)


@pytest.mark.parametrize("message", [{"x": b"bytes"}, {"x": float("nan")}, {"x": {1, 2}}])
def test_what_json_cannot_express_is_our_fault(queue: Queue, message: dict[str, object]) -> None:
    with pytest.raises(IssuanceFault):
        queue.send(message)


@pytest.mark.parametrize("delay", [-1, 7 * 24 * 3600 + 1])
def test_a_delay_beyond_seven_days_is_our_fault(queue: Queue, delay: int) -> None:
    with pytest.raises(IssuanceFault):
        queue.send(MESSAGE, delay=delay)


@pytest.fixture
def sender(connection: StorageConnection, unique_name: str) -> StorageQueue:
    return StorageQueue(connection.queue(f"{unique_name}-crl"))


@pytest.fixture
def raw(azurite: Azurite, unique_name: str) -> QueueClient:
    """The same queue as anybody else's client sees it: without decoding."""
    return QueueClient.from_connection_string(azurite.connection_string, f"{unique_name}-crl")


@pytest.mark.azurite
def test_functions_find_base64_of_compact_json(sender: StorageQueue, raw: QueueClient) -> None:
    sender.send(MESSAGE)
    with raw:
        text = next(raw.receive_messages()).content
    body = base64.b64decode(text, validate=True).decode()
    assert json.loads(body) == MESSAGE
    assert body == json.dumps(MESSAGE, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.azurite
def test_a_delayed_message_is_there_but_not_visible_yet(sender: StorageQueue, raw: QueueClient) -> None:
    sender.send(MESSAGE, delay=7 * 24 * 3600)
    with raw:
        assert list(raw.receive_messages()) == []
        assert raw.get_queue_properties().approximate_message_count == 1


@pytest.mark.azurite
def test_messages_outlive_the_usual_seven_days(sender: StorageQueue, raw: QueueClient) -> None:
    sender.send(MESSAGE)
    with raw:
        message = next(raw.receive_messages())
        assert message.expires_on is not None
        assert message.inserted_on is not None
        assert (message.expires_on - message.inserted_on).days > 10_000
