"""Outbox and FailureReports in Azure Tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from azure.data.tables import TableClient, TableEntity

from shared.store import outbox_rows
from shared.store.entity_table import EntityTable
from shared.store.outbox import FailureReport, Unreported


class TableOutbox:
    """Outbox and FailureReports."""

    def __init__(self, outbox: TableClient) -> None:
        self._outbox = EntityTable(outbox)

    def expect(self, unreported: Unreported) -> Unreported:
        etag = self._outbox.insert(outbox_rows.unreported_row(unreported), "expect")
        return replace(unreported, etag=etag)

    def lookup(self, issuer: str, serial: str) -> Unreported | None:
        row = self._outbox.get(outbox_rows.address_of(issuer, serial), "lookup")
        return None if row is None else _unreported(row)

    def condemn(self, unreported: Unreported) -> Unreported:
        row = outbox_rows.condemned_row(unreported)
        return replace(unreported, condemned=True, etag=self._outbox.merge(row, unreported.etag, "condemn"))

    def settle(self, unreported: Unreported) -> None:
        self._outbox.delete_as_read(outbox_rows.address_as_read(unreported), unreported.etag, "settle")

    def waiting(self) -> Iterator[Unreported]:
        return map(_unreported, self._outbox.partitions(outbox_rows.UNREPORTED, "waiting"))

    def add(self, report: FailureReport) -> None:
        self._outbox.upsert(outbox_rows.failure_row(report), "add")

    def reports(self) -> Iterator[FailureReport]:
        return map(outbox_rows.failure_of, self._outbox.partitions(outbox_rows.FAILURES, "reports"))

    def drop(self, report: FailureReport) -> None:
        self._outbox.delete(outbox_rows.address_of_report(report), "drop")


def _unreported(row: TableEntity) -> Unreported:
    return outbox_rows.unreported_of(row, row.metadata["etag"] or "")
