"""TraceStore in Azure Tables: written in batches, found by one query a day, deleted by the day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby, islice

from azure.data.tables import TableClient

from shared.store import trace_rows
from shared.store.columns import Row
from shared.store.entity_table import BATCH, EntityTable
from shared.store.traces import Trace, TraceKey


class TableTraceStore:
    """TraceStore. A batch is at most 100 rows of one partition."""

    def __init__(self, traces: TableClient) -> None:
        self._traces = EntityTable(traces)

    def append(self, traces: Sequence[Trace]) -> None:
        rows = [row for trace in traces for row in trace_rows.trace_rows(trace)]
        for batch in _batches(rows):
            self._traces.put_all(batch, "append")

    def find(self, key: TraceKey, value: str, days: Iterable[date]) -> Iterator[Trace]:
        wanted = trace_rows.rows_of(value)
        for day in days:
            found = self._traces.within(trace_rows.partition(day, key), wanted, "find")
            yield from map(trace_rows.trace_of, found)

    def purge(self, before: date, most: int) -> int:
        return self._traces.purge(trace_rows.partitions_before(before), most, "purge")


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    for _, group in groupby(sorted(rows, key=_partition), key=_partition):
        while batch := list(islice(group, BATCH)):
            yield batch


def _partition(row: Row) -> str:
    return str(row["PartitionKey"])
