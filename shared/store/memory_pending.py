"""PendingRequests in memory, the reference implementation: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from threading import Lock

from shared.errors import Conflict
from shared.store import pending_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.pending import PendingRequest, Verdict


class MemoryPendingRequests:
    """PendingRequests."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: dict[Address, tuple[Row, str]] = {}
        self._identities: dict[Address, Row] = {}
        self._etags = count(1)

    def create(self, request: PendingRequest) -> None:
        row, at = pending_rows.request_row(request), pending_rows.address_of(request.id)
        identity = pending_rows.address_of_identity(request.profile, request.identity)
        with self._lock:
            if at in self._requests or identity in self._identities:
                raise Conflict("create: the request waits, or another with its identity")
            self._requests[at] = row, self._next_etag()
            self._identities[identity] = pending_rows.identity_row(request)

    def find(self, identifier: str) -> PendingRequest | None:
        found = self._requests.get(pending_rows.address_of(identifier))
        return None if found is None else pending_rows.request_of(*found)

    def holder(self, profile: str, identity: str) -> str | None:
        row = self._identities.get(pending_rows.address_of_identity(profile, identity))
        return None if row is None else pending_rows.holder_of(row)

    def decide(self, request: PendingRequest, verdict: Verdict) -> PendingRequest:
        row, at = pending_rows.verdict_row(request, verdict), pending_rows.address_of(request.id)
        with self._lock:
            stored, etag = self._requests.get(at, ({}, ""))
            if etag != request.etag:
                raise Conflict("decide: the request was changed meanwhile, or is gone")
            etag = self._next_etag()
            self._requests[at] = {**stored, **row}, etag
        return pending_rows.merged(request, row, etag)

    def all(self) -> Iterator[PendingRequest]:
        with self._lock:
            rows = [self._requests[at] for at in sorted(self._requests)]
        for row, etag in rows:
            yield pending_rows.request_of(row, etag)

    def forget(self, request: PendingRequest) -> None:
        identity = pending_rows.address_of_identity(request.profile, request.identity)
        with self._lock:
            self._requests.pop(pending_rows.address_of(request.id), None)
            self._identities.pop(identity, None)

    def _next_etag(self) -> str:
        return f'W/"{next(self._etags)}"'
