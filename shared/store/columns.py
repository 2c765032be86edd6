"""What every row has in common: keys, schema version (N reads N-1), times and revocations as columns.

Times are text (`2026-11-21T03:00:00Z`, whole seconds): they sort, and reading them back is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from shared.errors import IssuanceFault, StoreUnavailable
from shared.store.addresses import Address
from shared.store.ports import Revocation

SCHEMA_VERSION = 1
READABLE = (SCHEMA_VERSION,)
"""This version and the one before."""

Row = dict[str, str | bytes | int]
Value = TypeVar("Value")


def keys(address: Address) -> Row:
    """The keys of a row that exists already."""
    return {"PartitionKey": address.partition, "RowKey": address.row}


def new_row(address: Address) -> Row:
    """The beginning of a row, and the whole of one that says all by being there."""
    return {"PartitionKey": address.partition, "RowKey": address.row, "schema_version": SCHEMA_VERSION}


def read(row: Mapping[str, Any], parse: Callable[[Mapping[str, Any]], Value]) -> Value:
    """What `parse` makes of `row`. Raises IssuanceFault if it is not ours, StoreUnavailable if it is
    newer."""
    version = row.get("schema_version")
    if version not in READABLE:
        if isinstance(version, int) and version > SCHEMA_VERSION:
            # In an upgrade, old workers meet the new version's rows: the asker's next try may find a new one.
            raise StoreUnavailable(f"a row of schema version {version}; this version reads {READABLE}")
        raise IssuanceFault(f"a row of schema version {version!r}; this version reads {READABLE}")
    try:
        return parse(row)
    except KeyError as error:
        raise IssuanceFault(f"a row without {error.args[0]!r}") from None
    except (TypeError, ValueError, AttributeError):
        raise IssuanceFault("a row with a value that is not what its name says") from None


def stamp(moment: datetime | None) -> str:
    """The column of a time, to the second; empty for None. Raises IssuanceFault for a time without zone."""
    if moment is None:
        return ""
    if moment.tzinfo is None:
        raise IssuanceFault("a time without time zone cannot go on record")
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds').removesuffix('+00:00')}Z"


def moment(text: str) -> datetime:
    """The time in a column that is never empty."""
    return datetime.fromisoformat(text)


def moment_or_none(text: str) -> datetime | None:
    """The time in a column that may be empty."""
    return datetime.fromisoformat(text) if text else None


def revocation_columns(revocation: Revocation | None) -> dict[str, str]:
    """Four columns. Raises IssuanceFault for a revocation without reason: it would read as none."""
    if revocation is None:
        # Written out, because a merge cannot remove a property.
        return {"reason": "", "revoked_at": "", "revoked_by": "", "revocation_note": ""}
    if not revocation.reason:
        raise IssuanceFault("a revocation without reason")
    return {
        "reason": revocation.reason,
        "revoked_at": stamp(revocation.at),
        "revoked_by": revocation.by,
        "revocation_note": revocation.note,
    }


def revocation_in(row: Mapping[str, Any]) -> Revocation | None:
    """The revocation in a row's four columns."""
    if not row["reason"]:
        return None
    return Revocation(row["reason"], moment(row["revoked_at"]), row["revoked_by"], row["revocation_note"])
