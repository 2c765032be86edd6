"""DirectoryStore, SubscriptionStore and Notes in memory: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from threading import Lock

from shared.errors import Conflict
from shared.store import directory_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.directory import Kind, Known, Note, Subscription


class MemoryDirectoryStore:
    """DirectoryStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[Address, tuple[Row, str]] = {}
        self._etags = count(1)

    def find(self, integration: str, kind: Kind, key: str) -> Known | None:
        found = self._rows.get(directory_rows.address_of(integration, kind, key))
        return None if found is None else directory_rows.known_of(*found)

    def all(self, integration: str, kind: Kind) -> Iterator[Known]:
        partition = directory_rows.partition_of(integration, kind)
        with self._lock:
            found = [self._rows[key] for key in sorted(self._rows) if key.partition == partition]
        return (directory_rows.known_of(*each) for each in found)

    def put_all(self, known: Sequence[Known]) -> None:
        for each in known:
            row = directory_rows.known_row(each)
            with self._lock:
                self._rows[_address(each)] = row, self._etag()

    def advance(self, known: Known, read: Known | None) -> Known:
        row, where = directory_rows.known_row(known), _address(known)
        with self._lock:
            stored = self._rows.get(where)
            if (stored and stored[1]) != (read and read.etag):
                raise Conflict("advance: another version is there")
            etag = self._etag()
            self._rows[where] = row, etag
        return replace(known, etag=etag)

    def forget_all(self, known: Sequence[Known]) -> None:
        with self._lock:
            for each in known:
                self._rows.pop(_address(each), None)

    def _etag(self) -> str:
        return f'W/"{next(self._etags)}"'


class MemorySubscriptionStore:
    """SubscriptionStore."""

    def __init__(self) -> None:
        self._rows: dict[Address, Row] = {}

    def find(self, identifier: str) -> Subscription | None:
        row = self._rows.get(directory_rows.address_of_subscription(identifier))
        return None if row is None else directory_rows.subscription_of(row)

    def all(self) -> Iterator[Subscription]:
        return iter([directory_rows.subscription_of(self._rows[key]) for key in sorted(self._rows)])

    def put(self, subscription: Subscription) -> None:
        row = directory_rows.subscription_row(subscription)
        self._rows[directory_rows.address_of_subscription(subscription.id)] = row

    def remove(self, subscription: Subscription) -> None:
        self._rows.pop(directory_rows.address_of_subscription(subscription.id), None)


class MemoryNotes:
    """Notes."""

    def __init__(self) -> None:
        self._rows: dict[Address, Row] = {}

    def read(self, name: str) -> Note | None:
        row = self._rows.get(directory_rows.address_of_note(name))
        return None if row is None else directory_rows.note_of(row)

    def write(self, note: Note) -> None:
        self._rows[directory_rows.address_of_note(note.name)] = directory_rows.note_row(note)


def _address(known: Known) -> Address:
    return directory_rows.address_of(known.integration, known.kind, known.key)
