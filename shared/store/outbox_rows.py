"""The outbox <-> rows: both kinds in one table, each spread over sixteen partitions, so that none becomes hot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from shared.errors import IssuanceFault
from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, keys, moment, new_row, read, stamp
from shared.store.limits import check_row
from shared.store.outbox import FailureReport, Unreported

UNREPORTED: Final = Range("s-", "s.")
FAILURES: Final = Range("f-", "f.")
"""Partitions; `.` follows `-` in ASCII."""


def address_of(issuer: str, serial: str) -> Address:
    """Where an unreported certificate is."""
    key = f"{encode(issuer)}-{encode(serial)}"
    return Address(f"s-{sha256(key.encode()).hexdigest()[0]}", encode(key))


def address_of_report(report: FailureReport) -> Address:
    """Where a failure is."""
    return Address(f"f-{report.id[0]}", report.id)


def unreported_row(unreported: Unreported) -> Row:
    """The row of an unreported certificate. Raises MalformedMessage for what storage cannot hold."""
    row = new_row(address_of(unreported.issuer, unreported.serial))
    row["issuer"] = unreported.issuer
    row["serial"] = unreported.serial
    row["owner"] = unreported.owner
    row["identity"] = unreported.identity
    row["noted_at"] = stamp(unreported.noted_at)
    row["condemned"] = int(unreported.condemned)
    check_row(row)
    return row


def condemned_row(unreported: Unreported) -> Row:
    """What condemning merges into the row. Raises IssuanceFault for one that was not read."""
    row = keys(address_as_read(unreported))
    row["condemned"] = 1
    return row


def address_as_read(unreported: Unreported) -> Address:
    """Where it is. Raises IssuanceFault for one that was not read, since it would be changed whatever it is now."""
    if not unreported.etag:
        raise IssuanceFault("an unreported certificate is changed as it was read; this one was not read")
    return address_of(unreported.issuer, unreported.serial)


def unreported_of(row: Mapping[str, Any], etag: str) -> Unreported:
    """The unreported certificate in a row. Raises as `columns.read`."""
    return replace(read(row, _unreported), etag=etag)


def failure_row(report: FailureReport) -> Row:
    """The row of a failure. Raises MalformedMessage for what storage cannot hold."""
    row = new_row(address_of_report(report))
    row["integration"] = report.integration
    row["transaction_id"] = report.transaction_id
    row["owner"] = report.owner
    row["identity"] = report.identity
    row["request"] = report.request
    row["result"] = report.result
    row["description"] = report.description
    row["noted_at"] = stamp(report.noted_at)
    row["due_at"] = stamp(report.due_at)
    check_row(row)
    return row


def failure_of(row: Mapping[str, Any]) -> FailureReport:
    """The failure in a row. Raises as `columns.read`."""
    return read(row, _failure)


def _unreported(row: Mapping[str, Any]) -> Unreported:
    return Unreported(
        issuer=row["issuer"],
        serial=row["serial"],
        owner=row["owner"],
        identity=row["identity"],
        noted_at=moment(row["noted_at"]),
        condemned=bool(row["condemned"]),
    )


def _failure(row: Mapping[str, Any]) -> FailureReport:
    return FailureReport(
        integration=row["integration"],
        transaction_id=row["transaction_id"],
        owner=row["owner"],
        identity=row["identity"],
        request=row["request"],
        result=row["result"],
        description=row["description"],
        noted_at=moment(row["noted_at"]),
        due_at=moment(row["due_at"]),
    )
