"""The reference implementation of every port, in memory: rows, limits and errors are those of storage.

For tests and for reading. Every method may be called from any thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import count
from threading import Lock
from typing import Any, TypeVar

from shared.errors import Conflict
from shared.store import addresses, rows
from shared.store.addresses import Address, Range
from shared.store.columns import Row
from shared.store.limits import check_publication, message_body
from shared.store.ports import (
    CertificateRecord,
    Claim,
    KeptMessage,
    PublicationStatus,
    PublishedObject,
    Revocation,
    RevocationChange,
    Supersession,
)

Stored = TypeVar("Stored")


class MemoryStore:
    """CertificateStore, Inventory, RevocationStore and SupersessionStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._owners: dict[Address, Row] = {}
        self._certificates: dict[Address, tuple[Row, str]] = {}
        self._changes: dict[Address, Row] = {}
        self._supersessions: dict[Address, Row] = {}
        self._etags = count(1)

    def claim(self, claim: Claim) -> None:
        row = rows.claim_row(claim.owner, claim)
        with self._lock:
            if self._owners.setdefault(_address(row), row) is not row:
                raise Conflict("claim: the identity is taken")

    def find_claim(self, owner: str, identity: str) -> Claim | None:
        row = self._owners.get(addresses.of_claim(owner, identity))
        return None if row is None else rows.claim_of(row)

    def link(self, owner: str, claim: Claim) -> None:
        row = rows.claim_row(owner, claim)
        with self._lock:
            self._owners.setdefault(_address(row), row)

    def commit(self, record: CertificateRecord) -> None:
        row = rows.record_row(record)
        with self._lock:
            if _address(row) in self._certificates:
                raise Conflict("commit: the serial is on record")
            self._certificates[_address(row)] = row, self._next_etag()

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        found = self._certificates.get(addresses.of_record(issuer, serial))
        return None if found is None else rows.record_of(*found)

    def owned_by(self, owner: str) -> Iterator[Claim]:
        partition = addresses.encode(owner)
        # A space sorts before all that a key of ours holds.
        yield from map(rows.claim_of, self._within(self._owners, Range(partition, f"{partition} ")))

    def records(self, issuer: str) -> Iterator[CertificateRecord]:
        for row, etag in self._within(self._certificates, addresses.records_of(issuer)):
            yield rows.record_of(row, etag)

    def live(self, issuer: str, now: datetime, after: str = "") -> Iterator[tuple[str, str]]:
        last = addresses.of_record(issuer, after) if after else None
        for row, _ in self._within(self._certificates, addresses.records_from(issuer, last)):
            if rows.is_live(row, now) and rows.is_behind(row, last):
                yield rows.live_of(row)

    def note_change(self, change: RevocationChange) -> None:
        row = rows.change_row(change)
        with self._lock:
            self._changes[_address(row)] = row

    def changes(self, issuer: str, since: datetime) -> Iterator[RevocationChange]:
        yield from map(rows.change_of, self._within(self._changes, addresses.changes_of(issuer, since)))

    def purge_changes(self, issuer: str, before: datetime, most: int) -> int:
        old = addresses.changes_before(issuer, before)
        with self._lock:
            gone = sorted(key for key in self._changes if old.first <= key.partition < old.beyond)[:most]
            for key in gone:
                del self._changes[key]
        return len(gone)

    def revoked(self, issuer: str) -> Iterator[tuple[str, Revocation]]:
        for row, _ in self._within(self._certificates, addresses.records_of(issuer)):
            if row["reason"]:
                yield rows.revoked_of(row)

    def any_issued(self, issuer: str, first: datetime, last: datetime, ends_after: datetime) -> bool:
        found = self._within(self._certificates, addresses.records_ending(issuer, ends_after.date()))
        return any(rows.was_issued(row, first, last, ends_after) for row, _ in found)

    def set_revocation(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        row = rows.revocation_row(record, revocation)
        with self._lock:
            stored, etag = self._certificates.get(_address(row), ({}, ""))
            if etag != record.etag:
                raise Conflict("set_revocation: the record was changed meanwhile")
            etag = self._next_etag()
            self._certificates[_address(row)] = {**stored, **row}, etag
        return rows.merged(record, row, etag)

    def remember(self, supersession: Supersession) -> None:
        row = rows.supersession_row(supersession)
        with self._lock:
            self._supersessions[_address(row)] = row

    def due(self, day: date) -> Iterator[Supersession]:
        yield from map(rows.supersession_of, self._within(self._supersessions, addresses.due_until(day)))

    def forget(self, supersession: Supersession) -> None:
        with self._lock:
            self._supersessions.pop(addresses.of_supersession(supersession), None)

    def _next_etag(self) -> str:
        return f'W/"{next(self._etags)}"'

    def _within(self, table: Mapping[Address, Stored], partitions: Range) -> list[Stored]:
        with self._lock:
            chosen = [key for key in table if partitions.first <= key.partition < partitions.beyond]
            return [table[key] for key in sorted(chosen)]


class MemoryUseCounter:
    """UseCounter."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: dict[str, set[str]] = {}

    def take(self, name: str, identity: str, limit: int) -> bool:
        with self._lock:
            holders = self._holders.setdefault(name, set())
            if identity not in holders and len(holders) < limit:
                holders.add(identity)
            return identity in holders

    def forget_before(self, name: str) -> None:
        with self._lock:
            for old in [each for each in self._holders if each < name]:
                del self._holders[old]


class MemoryPublicationStore:
    """PublicationStore. `headers` has what HTTP would say of a blob."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._blobs: dict[str, PublishedObject] = {}
        self._etags = count(1)
        self.headers: dict[str, Mapping[str, str]] = {}

    def read(self, name: str) -> PublishedObject | None:
        return self._blobs.get(name)

    def stat(self, name: str) -> PublicationStatus | None:
        found = self._blobs.get(name)
        if found is None:
            return None
        return PublicationStatus(found.metadata, found.etag, len(found.data), found.modified)

    def put(
        self,
        name: str,
        data: bytes,
        *,
        content_type: str,
        max_age: int,
        metadata: Mapping[str, str] | None = None,
        replaces: PublishedObject | PublicationStatus | None = None,
        overwrite: bool = False,
    ) -> None:
        check_publication(name, metadata or {})
        with self._lock:
            stands = self._blobs.get(name)
            if not overwrite and (stands and stands.etag) != (replaces and replaces.etag):
                raise Conflict("put: another blob stands there")
            etag, modified = f'"{next(self._etags)}"', datetime.now(UTC).replace(microsecond=0)
            self._blobs[name] = PublishedObject(data, dict(metadata or {}), etag, modified)
            self.headers[name] = {"Content-Type": content_type, "Cache-Control": f"max-age={max_age}"}


class MemoryQueue:
    """Queue and KeptQueue. `sent` has every message as JSON brings it, with its delay; nothing is ever hidden."""

    def __init__(self) -> None:
        self.sent: list[tuple[Mapping[str, Any], int]] = []

    def send(self, message: Mapping[str, object], *, delay: int = 0) -> None:
        self.sent.append((json.loads(message_body(message, delay)), delay))

    def length(self) -> int:
        return len(self.sent)

    def peek(self, most: int) -> list[str]:
        return [json.dumps(message, ensure_ascii=False) for message, _ in self.sent[:most]]

    def take(self, most: int) -> list[KeptMessage]:
        return [
            KeptMessage(json.dumps(entry[0], ensure_ascii=False), entry)
            for entry in self.sent[: min(most, 32)]
        ]

    def remove(self, message: KeptMessage) -> None:
        self.sent = [entry for entry in self.sent if entry is not message.handle]


def _address(row: Row) -> Address:
    return Address(str(row["PartitionKey"]), str(row["RowKey"]))
