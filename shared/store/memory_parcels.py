"""ParcelStore, PrivateBlobs and PFXRequestLog in memory, the reference: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count, islice
from threading import Lock

from shared.errors import Conflict
from shared.store import parcel_rows, pfx_request_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.limits import check_blob_name, check_blob_size
from shared.store.parcels import Parcel, SealedPassword
from shared.store.pfx_requests import PFXRequestEntry, RequestState


class MemoryParcelStore:
    """ParcelStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._parcels: dict[Address, tuple[Row, str]] = {}
        self._etags = count(1)

    def add(self, parcel: Parcel) -> None:
        row, at = parcel_rows.parcel_row(parcel), parcel_rows.address_of(parcel.user, parcel.thumbprint)
        with self._lock:
            if at in self._parcels:
                raise Conflict("add: the user has one with that thumbprint")
            self._parcels[at] = row, self._next_etag()

    def find(self, user: str, thumbprint: str) -> Parcel | None:
        found = self._parcels.get(parcel_rows.address_of(user, thumbprint))
        return None if found is None else parcel_rows.parcel_of(*found)

    def of_user(self, user: str) -> Iterator[Parcel]:
        return (parcel for parcel in self.all(user) if parcel.user == user)

    def all(self, start: str = "") -> Iterator[Parcel]:
        first, beyond = parcel_rows.users_from(start)
        with self._lock:
            chosen = sorted(at for at in self._parcels if first <= at.partition < beyond)
            rows = [self._parcels[at] for at in chosen]
        for row, etag in rows:
            yield parcel_rows.parcel_of(row, etag)

    def reseal(self, parcel: Parcel, password: SealedPassword) -> None:
        self._merge(parcel, parcel_rows.password_row(parcel, password), "reseal")

    def note_failure(self, parcel: Parcel, failure: str, at: datetime | None) -> None:
        self._merge(parcel, parcel_rows.failure_row(parcel, failure, at), "note_failure")

    def remove(self, user: str, thumbprint: str) -> None:
        with self._lock:
            self._parcels.pop(parcel_rows.address_of(user, thumbprint), None)

    def _merge(self, parcel: Parcel, change: Row, act: str) -> None:
        at = parcel_rows.address_of(parcel.user, parcel.thumbprint)
        with self._lock:
            stored, etag = self._parcels.get(at, ({}, ""))
            if etag != parcel.etag:
                raise Conflict(f"{act}: the parcel was changed meanwhile, or is gone")
            self._parcels[at] = {**stored, **change}, self._next_etag()

    def _next_etag(self) -> str:
        return f'W/"{next(self._etags)}"'


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryPrivateBlobs:
    """PrivateBlobs. `blobs` has every blob, and when it was written."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._lock = Lock()
        self._clock = clock
        self.blobs: dict[str, tuple[bytes, datetime]] = {}

    def put(self, name: str, data: bytes) -> None:
        check_blob_name(name)
        with self._lock:
            self.blobs[name] = bytes(data), self._clock()

    def create(self, name: str, data: bytes) -> None:
        check_blob_name(name)
        blob = bytes(data), self._clock()
        with self._lock:
            if self.blobs.setdefault(name, blob) is not blob:
                raise Conflict("create: there is such a blob")

    def read(self, name: str, most: int) -> bytes | None:
        data, _ = self.blobs.get(name, (None, None))
        return None if data is None else check_blob_size(name, data, most)

    def remove(self, name: str) -> None:
        with self._lock:
            self.blobs.pop(name, None)

    def older(self, prefix: str, before: datetime) -> Iterator[str]:
        with self._lock:
            found = [name for name, (_, at) in self.blobs.items() if name.startswith(prefix) and at < before]
        yield from sorted(found)


class MemoryPFXRequestLog:
    """PFXRequestLog."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Address, Row] = {}

    def begin(self, entry: PFXRequestEntry) -> PFXRequestEntry | None:
        row, at = pfx_request_rows.entry_row(entry), pfx_request_rows.address_of(entry.caller, entry.id)
        with self._lock:
            known = self._entries.setdefault(at, row)
        return None if known is row else pfx_request_rows.entry_of(known)

    def find(self, caller: str, identifier: str) -> PFXRequestEntry | None:
        row = self._entries.get(pfx_request_rows.address_of(caller, identifier))
        return None if row is None else pfx_request_rows.entry_of(row)

    def deliver(self, entry: PFXRequestEntry) -> None:
        with self._lock:
            self._entries[pfx_request_rows.address_of(entry.caller, entry.id)] = pfx_request_rows.entry_row(
                entry
            )

    def fail(self, entry: PFXRequestEntry) -> PFXRequestEntry:
        at = pfx_request_rows.address_of(entry.caller, entry.id)
        with self._lock:
            if at not in self._entries:
                raise Conflict("fail: the request is not on record any more")
            known = pfx_request_rows.entry_of(self._entries[at])
            if known.state is RequestState.DELIVERED:
                return known
            self._entries[at] = pfx_request_rows.entry_row(entry)
        return entry

    def entries(self, caller: str | None = None) -> Iterator[PFXRequestEntry]:
        with self._lock:
            rows = [self._entries[at] for at in sorted(self._entries)]
        found = map(pfx_request_rows.entry_of, rows)
        return (entry for entry in found if caller in (None, entry.caller))

    def purge(self, before: datetime, most: int) -> int:
        old = list(islice((entry for entry in self.entries() if entry.begun_at < before), most))
        with self._lock:
            for entry in old:
                self._entries.pop(pfx_request_rows.address_of(entry.caller, entry.id), None)
        return len(old)
