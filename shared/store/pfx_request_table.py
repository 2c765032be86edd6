"""PFXRequestLog in Azure Tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from azure.data.tables import TableClient

from shared.errors import Conflict
from shared.store import pfx_request_rows
from shared.store.addresses import encode
from shared.store.entity_table import EntityTable
from shared.store.pfx_requests import PFXRequestEntry, RequestState


class TablePFXRequestLog:
    """PFXRequestLog."""

    def __init__(self, requests: TableClient) -> None:
        self._requests = EntityTable(requests)

    def begin(self, entry: PFXRequestEntry) -> PFXRequestEntry | None:
        try:
            self._requests.insert(pfx_request_rows.entry_row(entry), "begin")
        except Conflict:
            found = self.find(entry.caller, entry.id)
            if found is None:
                raise
            return found
        return None

    def find(self, caller: str, identifier: str) -> PFXRequestEntry | None:
        row = self._requests.get(pfx_request_rows.address_of(caller, identifier), "find")
        return None if row is None else pfx_request_rows.entry_of(row)

    def deliver(self, entry: PFXRequestEntry) -> None:
        self._requests.upsert(pfx_request_rows.entry_row(entry), "deliver")

    def fail(self, entry: PFXRequestEntry) -> PFXRequestEntry:
        row = self._requests.get(pfx_request_rows.address_of(entry.caller, entry.id), "fail")
        if row is None:
            raise Conflict("fail: the request is not on record any more")
        known = pfx_request_rows.entry_of(row)
        if known.state is RequestState.DELIVERED:
            return known
        self._requests.merge(pfx_request_rows.entry_row(entry), row.metadata["etag"] or "", "fail")
        return entry

    def entries(self, caller: str | None = None) -> Iterator[PFXRequestEntry]:
        found = (
            self._requests.partitions(pfx_request_rows.EVERYTHING, "entries")
            if caller is None
            else self._requests.partition(encode(caller), "entries")
        )
        return map(pfx_request_rows.entry_of, found)

    def purge(self, before: datetime, most: int) -> int:
        old = list(islice((entry for entry in self.entries() if entry.begun_at < before), most))
        for entry in old:
            self._requests.delete(pfx_request_rows.address_of(entry.caller, entry.id), "purge")
        return len(old)
