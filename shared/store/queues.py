"""Queue and KeptQueue on one Azure storage queue. Bodies are compact JSON in base64, as the queue trigger of Functions
expects."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final, TypeVar, cast

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from shared.store.faults import code_of, translate
from shared.store.limits import message_body
from shared.store.ports import KeptMessage

_FOR_EVER = -1  # else a message ends after seven days, and with it what an outage should only have delayed
_PAGE: Final = 32  # messages in one call at most
_HIDDEN: Final = 30  # seconds

Nothing = TypeVar("Nothing", int, list[str], list[KeptMessage])


class StorageQueue:
    """Queue. `client` comes from `connection`, which sets the base64 encoding."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client

    def send(self, message: Mapping[str, object], *, delay: int = 0) -> None:
        body = message_body(message, delay)
        try:
            self._client.send_message(body, visibility_timeout=delay, time_to_live=_FOR_EVER)
        except AzureError as error:
            raise translate(error, "send") from None


class StorageKeptQueue:
    """KeptQueue. `client` is one of `connection.raw_queue`."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client

    def length(self) -> int:
        try:
            return int(self._client.get_queue_properties().approximate_message_count or 0)
        except AzureError as error:
            return self._none_if_missing(error, "length", 0)

    def peek(self, most: int) -> list[str]:
        try:
            return [_text(str(each.content)) for each in self._client.peek_messages(min(most, _PAGE))]
        except AzureError as error:
            return self._none_if_missing(error, "peek", [])

    def take(self, most: int) -> list[KeptMessage]:
        wanted = min(most, _PAGE)
        try:
            found = self._client.receive_messages(
                messages_per_page=wanted, max_messages=wanted, visibility_timeout=_HIDDEN
            )
            return [KeptMessage(_text(str(each.content)), each) for each in found]
        except AzureError as error:
            return self._none_if_missing(error, "take", [])

    def remove(self, message: KeptMessage) -> None:
        try:
            self._client.delete_message(cast("QueueMessage", message.handle))
        except ResourceNotFoundError:
            return
        except AzureError as error:
            raise translate(error, "remove") from None

    @staticmethod
    def _none_if_missing(error: AzureError, act: str, none: Nothing) -> Nothing:
        """A poison queue is made when the first message fails."""
        if isinstance(error, ResourceNotFoundError) and code_of(error) == "QueueNotFound":
            return none
        raise translate(error, act) from None


def _text(content: str) -> str:
    try:
        return base64.b64decode(content, validate=True).decode()
    except ValueError:
        return content
