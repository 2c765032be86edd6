"""What every row has in common: keys, schema version (N reads N-1, each kind counts its own), times, revocations.

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
"""Of every kind of row that names no other."""

Row = dict[str, str | bytes | int]
Value = TypeVar("Value")


def keys(address: Address) -> Row:
    """The keys of a row that exists already."""
    return {"PartitionKey": address.partition, "RowKey": address.row}


def new_row(address: Address, version: int = SCHEMA_VERSION) -> Row:
    """The beginning of a row, and the whole of one that says all by being there."""
    return {"PartitionKey": address.partition, "RowKey": address.row, "schema_version": version}


def read(
    row: Mapping[str, Any], parse: Callable[[Mapping[str, Any]], Value], version: int = SCHEMA_VERSION
) -> Value:
    """What `parse` makes of `row`, which may be of this `version` of its kind or of the one before (`migrations`).

    Raises IssuanceFault if it is not ours, StoreUnavailable if it is newer."""
    found = row.get("schema_version")
    if found not in (version, version - 1) or found == 0:
        if isinstance(found, int) and found > version:
            # In an upgrade, old workers meet the new version's rows: the asker's next try may find a new one.
            raise StoreUnavailable(f"a row of schema version {found}; this program reads {version}")
        raise IssuanceFault(f"a row of schema version {found!r}; this program reads {version}")
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
