"""Traces <-> rows: a partition for each day and key, so that what is past its time is one range.

A trace is one row under its transaction and a copy under its device, or under its serial when no device is known:
in a batch a row costs the same whatever it holds. Row keys count the day down: the newest comes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, new_row, read
from shared.store.limits import check_row
from shared.store.traces import Step, Trace, TraceKey

_DAY = timedelta(days=1) // timedelta(milliseconds=1)
_TEXTS = (
    *("transaction", "mark", "operation", "profile", "source", "agent", "status"),
    *("fail_info", "error", "cause", "serial", "device", "user", "subject"),
)


def trace_rows(trace: Trace) -> list[Row]:
    """One row or two. Raises MalformedMessage for what storage cannot hold."""
    return [_row(trace, _address(trace, key, value)) for key, value in _keys(trace)]


def partition(day: date, key: TraceKey) -> str:
    """Days sort, and `-` keeps the keys of a day together."""
    return f"{day:%Y%m%d}-{key}"


def rows_of(value: str) -> Range:
    """Row keys of one transaction, device or serial; no encoded value holds `!`."""
    return Range(f"{encode(value)}!", f"{encode(value)}!~")


def partitions_before(day: date) -> Range:
    """All partitions of the days before `day`."""
    return Range("", f"{day:%Y%m%d}")


def trace_of(row: Mapping[str, Any]) -> Trace:
    """The trace in a row. Raises IssuanceFault for a row that is not ours, StoreUnavailable for a newer version's."""
    return read(row, _trace)


def _keys(trace: Trace) -> list[tuple[TraceKey, str]]:
    keys: list[tuple[TraceKey, str]] = [("id", trace.transaction)]
    if trace.device:
        keys.append(("device", trace.device))
    elif trace.serial:
        keys.append(("serial", trace.serial))
    return keys


def _address(trace: Trace, key: TraceKey, value: str) -> Address:
    at = trace.at.astimezone(UTC)
    elapsed = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
    left = _DAY - 1 - elapsed // timedelta(milliseconds=1)
    return Address(partition(at.date(), key), f"{rows_of(value).first}{left:08d}-{trace.mark}")


def _row(trace: Trace, address: Address) -> Row:
    row = new_row(address)
    row |= {name: getattr(trace, name) for name in _TEXTS}
    row["at"] = trace.at.astimezone(UTC).isoformat(timespec="milliseconds")
    row["microseconds"] = _micro(trace.milliseconds)
    steps = [[step.name, _micro(step.milliseconds), step.outcome] for step in trace.steps]
    row["steps"] = json.dumps(steps, separators=(",", ":"))
    check_row(row)
    return row


def _micro(milliseconds: float) -> int:
    return min(round(milliseconds * 1000), 2**31 - 1)  # what an Int32 column holds: 35 minutes


def _trace(row: Mapping[str, Any]) -> Trace:
    return Trace(
        at=datetime.fromisoformat(row["at"]),
        milliseconds=row["microseconds"] / 1000,
        steps=tuple(Step(name, micro / 1000, outcome) for name, micro, outcome in json.loads(row["steps"])),
        **{name: row[name] for name in _TEXTS},
    )
