"""TraceStore in memory, the reference implementation: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from threading import Lock

from shared.store import trace_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.traces import Trace, TraceKey


class MemoryTraceStore:
    """TraceStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[Address, Row] = {}

    def append(self, traces: Sequence[Trace]) -> None:
        rows = [row for trace in traces for row in trace_rows.trace_rows(trace)]
        with self._lock:
            for row in rows:
                self._rows[Address(str(row["PartitionKey"]), str(row["RowKey"]))] = row

    def find(self, key: TraceKey, value: str, days: Iterable[date]) -> Iterator[Trace]:
        wanted = trace_rows.rows_of(value)
        for day in days:
            partition = trace_rows.partition(day, key)
            with self._lock:
                found = sorted(
                    address
                    for address in self._rows
                    if address.partition == partition and wanted.first <= address.row < wanted.beyond
                )
                rows = [self._rows[address] for address in found]
            yield from map(trace_rows.trace_of, rows)

    def purge(self, before: date, most: int) -> int:
        beyond = trace_rows.partitions_before(before).beyond
        with self._lock:
            old = sorted(address for address in self._rows if address.partition < beyond)[:most]
            for address in old:
                del self._rows[address]
        return len(old)
