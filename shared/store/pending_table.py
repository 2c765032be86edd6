"""PendingRequests in Azure Tables: a request and its identity are inserted together or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from azure.data.tables import TableClient, TableEntity

from shared.errors import Conflict
from shared.store import pending_rows
from shared.store.entity_table import EntityTable
from shared.store.pending import PendingRequest, Verdict


class TablePendingRequests:
    """PendingRequests."""

    def __init__(self, requests: TableClient) -> None:
        self._requests = EntityTable(requests)

    def create(self, request: PendingRequest) -> None:
        both = [pending_rows.request_row(request), pending_rows.identity_row(request)]
        if self._requests.insert_all(both, "create") is not None:
            raise Conflict("create: the request waits, or another with its identity")

    def find(self, identifier: str) -> PendingRequest | None:
        row = self._requests.get(pending_rows.address_of(identifier), "find")
        return None if row is None else _request(row)

    def holder(self, profile: str, identity: str) -> str | None:
        row = self._requests.get(pending_rows.address_of_identity(profile, identity), "holder")
        return None if row is None else pending_rows.holder_of(row)

    def decide(self, request: PendingRequest, verdict: Verdict) -> PendingRequest:
        row = pending_rows.verdict_row(request, verdict)
        return pending_rows.merged(request, row, self._requests.merge(row, request.etag, "decide"))

    def all(self) -> Iterator[PendingRequest]:
        rows = self._requests.partitions(pending_rows.EVERYWHERE, "all")
        return map(_request, filter(pending_rows.is_request, rows))

    def forget(self, request: PendingRequest) -> None:
        identity = pending_rows.address_of_identity(request.profile, request.identity)
        self._requests.delete_all([pending_rows.address_of(request.id), identity], "forget")


def _request(row: TableEntity) -> PendingRequest:
    return pending_rows.request_of(row, row.metadata["etag"] or "")
