"""Outbox and FailureReports in memory, the reference implementation: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from threading import Lock

from shared.errors import Conflict
from shared.store import outbox_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.outbox import FailureReport, Unreported


class MemoryOutbox:
    """Outbox and FailureReports."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._unreported: dict[Address, tuple[Row, str]] = {}
        self._failures: dict[Address, Row] = {}
        self._etags = count(1)

    def expect(self, unreported: Unreported) -> Unreported:
        row, at = (
            outbox_rows.unreported_row(unreported),
            outbox_rows.address_of(unreported.issuer, unreported.serial),
        )
        with self._lock:
            if at in self._unreported:
                raise Conflict("expect: the certificate waits already")
            etag = self._next_etag()
            self._unreported[at] = row, etag
        return replace(unreported, etag=etag)

    def lookup(self, issuer: str, serial: str) -> Unreported | None:
        found = self._unreported.get(outbox_rows.address_of(issuer, serial))
        return None if found is None else outbox_rows.unreported_of(*found)

    def condemn(self, unreported: Unreported) -> Unreported:
        row, at = outbox_rows.condemned_row(unreported), outbox_rows.address_as_read(unreported)
        with self._lock:
            stored, etag = self._unreported.get(at, ({}, ""))
            if etag != unreported.etag:
                raise Conflict("condemn: it was changed meanwhile, or is gone")
            etag = self._next_etag()
            self._unreported[at] = {**stored, **row}, etag
        return replace(unreported, condemned=True, etag=etag)

    def settle(self, unreported: Unreported) -> None:
        at = outbox_rows.address_as_read(unreported)
        with self._lock:
            found = self._unreported.get(at)
            if found is not None and found[1] != unreported.etag:
                raise Conflict("settle: it was changed meanwhile")
            self._unreported.pop(at, None)

    def waiting(self) -> Iterator[Unreported]:
        with self._lock:
            rows = [self._unreported[at] for at in sorted(self._unreported)]
        for row, etag in rows:
            yield outbox_rows.unreported_of(row, etag)

    def add(self, report: FailureReport) -> None:
        row = outbox_rows.failure_row(report)
        with self._lock:
            self._failures[outbox_rows.address_of_report(report)] = row

    def reports(self) -> Iterator[FailureReport]:
        with self._lock:
            rows = [self._failures[at] for at in sorted(self._failures)]
        for row in rows:
            yield outbox_rows.failure_of(row)

    def drop(self, report: FailureReport) -> None:
        with self._lock:
            self._failures.pop(outbox_rows.address_of_report(report), None)

    def _next_etag(self) -> str:
        return f'W/"{next(self._etags)}"'
