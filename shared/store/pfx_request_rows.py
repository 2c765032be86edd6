"""Requests for imported PFX <-> rows: a partition for each caller, a row for each id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, moment, moment_or_none, new_row, read, stamp
from shared.store.limits import check_row
from shared.store.pfx_requests import Part, PFXRequestEntry, RequestState

EVERYTHING = Range("", "\x7f")
_SHOWN, _SHOWN_OF_PART = 500, 200


def address_of(caller: str, identifier: str) -> Address:
    """Where an entry is."""
    return Address(encode(caller), encode(identifier))


def entry_row(entry: PFXRequestEntry) -> Row:
    """The row of an entry."""
    row = new_row(address_of(entry.caller, entry.id))
    row["caller"] = entry.caller
    row["id"] = entry.id
    row["digest"] = entry.digest
    row["user"] = entry.user
    row["device"] = entry.device
    row["begun_at"] = stamp(entry.begun_at)
    row["state"] = entry.state.value
    row["recipient"] = entry.recipient
    row["parts"] = _parts_text(entry.parts)
    row["failure"] = entry.failure[:_SHOWN]
    row["ended_at"] = stamp(entry.ended_at)
    check_row(row)
    return row


def entry_of(row: Mapping[str, Any]) -> PFXRequestEntry:
    """The entry in a row. Raises IssuanceFault for a row that is not ours, StoreUnavailable for a newer one's."""
    return read(row, _entry)


def _entry(row: Mapping[str, Any]) -> PFXRequestEntry:
    return PFXRequestEntry(
        caller=row["caller"],
        id=row["id"],
        digest=row["digest"],
        user=row["user"],
        device=row["device"],
        begun_at=moment(row["begun_at"]),
        state=RequestState(row["state"]),
        recipient=row["recipient"],
        parts=tuple(Part(*each) for each in json.loads(row["parts"])),
        failure=row["failure"],
        ended_at=moment_or_none(row["ended_at"]),
    )


def _parts_text(parts: tuple[Part, ...]) -> str:
    listed = [(part.thumbprint, part.purpose, part.failure[:_SHOWN_OF_PART]) for part in parts]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
