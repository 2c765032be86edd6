"""Queue on one Azure storage queue. Bodies are compact JSON in base64, as the queue trigger of Functions
expects."""

from __future__ import annotations

from collections.abc import Mapping

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient

from shared.store.faults import translate
from shared.store.limits import message_body

_FOR_EVER = -1  # else a message ends after seven days, and with it what an outage should only have delayed


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
