"""DirectoryStore, SubscriptionStore and Notes in Azure Tables, one table each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from azure.data.tables import TableClient, TableEntity

from shared.store import directory_rows
from shared.store.columns import Row
from shared.store.directory import Kind, Known, Note, Subscription
from shared.store.entity_table import BATCH, EntityTable


class TableDirectoryStore:
    """DirectoryStore."""

    def __init__(self, directory: TableClient) -> None:
        self._directory = EntityTable(directory)

    def find(self, integration: str, kind: Kind, key: str) -> Known | None:
        where = directory_rows.address_of(integration, kind, key)
        row = self._directory.get(where, "find")
        return None if row is None else _known(row)

    def all(self, integration: str, kind: Kind) -> Iterator[Known]:
        rows = self._directory.partition(directory_rows.partition_of(integration, kind), "all")
        return map(_known, rows)

    def put_all(self, known: Sequence[Known]) -> None:
        for batch in _batches(known):
            self._directory.put_all([directory_rows.known_row(each) for each in batch], "put_all")

    def advance(self, known: Known, read: Known | None) -> Known:
        row: Row = directory_rows.known_row(known)
        if read is None:
            etag = self._directory.insert(row, "advance")
        else:
            etag = self._directory.merge(row, read.etag, "advance")
        return replace(known, etag=etag)

    def forget_all(self, known: Sequence[Known]) -> None:
        for batch in _batches(known):
            where = [directory_rows.address_of(each.integration, each.kind, each.key) for each in batch]
            self._directory.delete_all(where, "forget_all")


class TableSubscriptionStore:
    """SubscriptionStore."""

    def __init__(self, subscriptions: TableClient) -> None:
        self._subscriptions = EntityTable(subscriptions)

    def find(self, identifier: str) -> Subscription | None:
        row = self._subscriptions.get(directory_rows.address_of_subscription(identifier), "find")
        return None if row is None else directory_rows.subscription_of(row)

    def all(self) -> Iterator[Subscription]:
        found = self._subscriptions.partition(directory_rows.SUBSCRIPTIONS, "all")
        return map(directory_rows.subscription_of, found)

    def put(self, subscription: Subscription) -> None:
        self._subscriptions.upsert(directory_rows.subscription_row(subscription), "put")

    def remove(self, subscription: Subscription) -> None:
        self._subscriptions.delete(directory_rows.address_of_subscription(subscription.id), "remove")


class TableNotes:
    """Notes."""

    def __init__(self, notes: TableClient) -> None:
        self._notes = EntityTable(notes)

    def read(self, name: str) -> Note | None:
        row = self._notes.get(directory_rows.address_of_note(name), "read")
        return None if row is None else directory_rows.note_of(row)

    def write(self, note: Note) -> None:
        self._notes.upsert(directory_rows.note_row(note), "write")


def _batches(known: Sequence[Known]) -> Iterator[list[Known]]:
    """Of one partition each, and each key once: the last one counts."""
    latest = {(each.integration, each.kind, each.key): each for each in known}
    ordered = sorted(latest.values(), key=_partition)
    for _, group in groupby(ordered, key=_partition):
        rows = list(group)
        yield from (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _partition(known: Known) -> tuple[str, str]:
    return known.integration, known.kind


def _known(row: TableEntity) -> Known:
    return directory_rows.known_of(row, row.metadata["etag"] or "")
