"""What a backup reads and a restore fills: a place of items, each table, container or queue its own."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, Protocol, cast

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings
from azure.storage.queue import QueueClient

from shared.errors import Conflict, MalformedMessage
from shared.store.backup.values import Item, item_of, row_of
from shared.store.columns import Row
from shared.store.entity_table import BATCH, EntityTable
from shared.store.faults import is_missing, translate
from shared.store.queues import StorageKeptQueue

_PEEKED = 32
"""Messages that a queue shows without taking them; there is no second page."""
_BATCH_CHARACTERS = (
    2**21
)  # of JSON: a transaction ends at 4 MiB, and text is sent in up to three octets a character


class Place(Protocol):
    """Items in an order that does not change."""

    kind: str
    name: str

    def items(self, after: Item | None = None) -> Iterator[Item]:
        """All, or those behind `after`."""

    def count(self) -> int:
        """How many there are now; of a queue about."""

    def groups(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        """Those that `put` takes at once."""

    def put(self, items: Sequence[Item]) -> int:
        """Write what is not there yet and leave what is; returns how many were written."""


class TablePlace:
    """The rows of a table."""

    kind = "table"

    def __init__(self, name: str, table: EntityTable) -> None:
        self.name = name
        self._table = table

    def items(self, after: Item | None = None) -> Iterator[Item]:
        behind = _keys(after) if after else None
        for row in self._table.everything(f"table {self.name}", since=behind[0] if behind else ""):
            if behind is None or _keys(row) > behind:
                yield item_of(row)

    def count(self) -> int:
        return sum(1 for _ in self._table.everything(f"table {self.name}", select=("PartitionKey", "RowKey")))

    def groups(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        for _, rows in groupby(items, key=lambda item: item["PartitionKey"]):
            group: list[Item] = []
            size = 0
            for row in rows:
                length = len(str(row))
                if group and (len(group) == BATCH or size + length > _BATCH_CHARACTERS):
                    yield group
                    group, size = [], 0
                group.append(row)
                size += length
            yield group

    def put(self, items: Sequence[Item]) -> int:
        rows = [cast("Row", row_of(item)) for item in items]
        if len(rows) > 1 and self._table.insert_all(rows, "restore") is None:
            return len(rows)
        return sum(self._insert(row) for row in rows)  # a transaction is all or nothing, and one was there

    def _insert(self, row: Row) -> bool:
        try:
            self._table.insert(row, "restore")
        except Conflict:
            return False
        return True


class ContainerPlace:
    """The blobs of a container, with what is told beside their content."""

    kind = "container"

    def __init__(self, container: ContainerClient) -> None:
        self.name = str(container.container_name)
        self._container = container

    def items(self, after: Item | None = None) -> Iterator[Item]:
        try:
            for found in self._container.list_blobs():
                if after is None or found.name > after["name"]:
                    yield from self._read(found.name)
        except AzureError as error:
            raise translate(error, f"container {self.name}") from None

    def _read(self, name: str) -> Iterator[Item]:
        try:
            download = self._container.get_blob_client(name).download_blob()
            content, told = download.readall(), download.properties
        except ResourceNotFoundError as error:
            if is_missing(error):
                return  # deleted since it was listed
            raise
        yield {
            "name": name,
            "type": told.content_settings.content_type,
            "cache": told.content_settings.cache_control,
            "metadata": dict(told.metadata or {}),
            "content": base64.b64encode(content).decode(),
        }

    def count(self) -> int:
        try:
            return sum(1 for _ in self._container.list_blob_names())
        except AzureError as error:
            raise translate(error, f"container {self.name}") from None

    def groups(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        return ([item] for item in items)

    def put(self, items: Sequence[Item]) -> int:
        return sum(map(self._create, items))

    def _create(self, item: Item) -> bool:
        try:
            content = base64.b64decode(item["content"], validate=True)
            settings = ContentSettings(content_type=item["type"], cache_control=item["cache"])
            name, metadata = str(item["name"]), dict(item["metadata"])
        except (KeyError, TypeError, ValueError):
            raise MalformedMessage("a line of the backup that is no blob") from None
        try:
            self._container.upload_blob(name, content, metadata=metadata, content_settings=settings)
        except AzureError as error:
            translated = translate(error, "restore")
            if isinstance(translated, Conflict):
                return False
            raise translated from None
        return True


class QueuePlace:
    """The messages at the head of a queue: as many as can be seen without taking them from whoever works on them."""

    kind = "queue"

    def __init__(self, raw: QueueClient) -> None:
        self.name = str(raw.queue_name)
        self._queue, self._kept = raw, StorageKeptQueue(raw)

    def items(self, after: Item | None = None) -> Iterator[Item]:
        if after is None:  # else it was begun, and what is at its head now is not what was
            yield from ({"text": text} for text in self._peek())

    def count(self) -> int:
        return self._kept.length()

    def groups(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        items = iter(items)
        while group := list(islice(items, _PEEKED)):
            yield group

    def put(self, items: Sequence[Item]) -> int:
        there = set(self._peek())
        new = [item["text"] for item in items if item["text"] not in there]
        try:
            for text in new:
                self._queue.send_message(text, time_to_live=-1)
        except AzureError as error:
            raise translate(error, "restore") from None
        return len(new)

    def _peek(self) -> list[str]:
        if not self.count():  # nor is a poison queue there before its first message
            return []
        try:
            return [str(found.content) for found in self._queue.peek_messages(_PEEKED)]
        except AzureError as error:
            raise translate(error, f"queue {self.name}") from None


def _keys(row: Any) -> tuple[str, str]:  # noqa: ANN401 - a row of either kind
    return row["PartitionKey"], row["RowKey"]
