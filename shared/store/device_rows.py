"""Device facts, events, holds <-> rows of their tables. Conventions as in `rows`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, moment, moment_or_none, new_row, read, stamp
from shared.store.devices import (
    DeviceFacts,
    EventEntry,
    EventState,
    FleetCount,
    Hold,
    ParkedEvent,
    Standing,
)
from shared.store.limits import check_row

EVERYTHING = Range("", "~~")
"""All partitions: no source's name and no issuer starts with a tilde."""
FLEET = Address("=fleet", "=fleet")
"""No encoded owner begins so."""
_ALIAS, _STANDING = "a:", "s:"


def alias_row(owner: str, alias: str) -> Row:
    """The row that says `owner` is also called `alias`."""
    row = new_row(Address(encode(owner), f"{_ALIAS}{encode(alias)}"))
    row["alias"] = alias
    check_row(row)
    return row


def standing_row(owner: str, source: str, standing: Standing) -> Row:
    """The row of an owner's standing with a source."""
    row = new_row(Address(encode(owner), f"{_STANDING}{encode(source)}"))
    row["source"] = source
    row["at"] = stamp(standing.at)
    row["held"] = int(standing.held)
    check_row(row)
    return row


def facts_of(rows: Iterable[tuple[Mapping[str, Any], str]]) -> DeviceFacts:
    """What the rows of one owner say, each with its ETag."""
    aliases: list[str] = []
    standings: dict[str, Standing] = {}
    for row, etag in rows:
        if str(row["RowKey"]).startswith(_ALIAS):
            aliases.append(read(row, lambda columns: str(columns["alias"])))
        else:
            source, at, held = read(row, _standing)
            standings[source] = Standing(at, held, etag)
    return DeviceFacts(tuple(aliases), standings)


def _standing(row: Mapping[str, Any]) -> tuple[str, datetime, bool]:
    return row["source"], moment(row["at"]), bool(row["held"])


def fleet_row(count: FleetCount) -> Row:
    """The row of the last count."""
    return new_row(FLEET) | {"owners": count.owners, "at": stamp(count.at)}


def fleet_of(row: Mapping[str, Any]) -> FleetCount:
    """The count in a row."""
    return read(row, lambda columns: FleetCount(int(columns["owners"]), moment(columns["at"])))


def address_of_event(source: str, identifier: str) -> Address:
    """Where an event is on record, and where it is parked."""
    return Address(encode(source), encode(identifier))


def event_row(entry: EventEntry) -> Row:
    """The row of an event."""
    row = new_row(address_of_event(entry.source, entry.id))
    row["source"] = entry.source
    row["id"] = entry.id
    row["digest"] = entry.digest
    row["type"] = entry.type
    row["owner"] = entry.owner
    row["occurred_at"] = stamp(entry.occurred_at)
    row["handled_at"] = stamp(entry.handled_at)
    row["state"] = entry.state.value
    row["revoked"] = entry.revoked
    row["held"] = entry.held
    row["lifted"] = entry.lifted
    row["note"] = entry.note
    check_row(row)
    return row


def event_of(row: Mapping[str, Any]) -> EventEntry:
    """The event in a row."""
    return read(row, _event)


def _event(row: Mapping[str, Any]) -> EventEntry:
    return EventEntry(
        source=row["source"],
        id=row["id"],
        digest=row["digest"],
        type=row["type"],
        owner=row["owner"],
        occurred_at=moment(row["occurred_at"]),
        handled_at=moment(row["handled_at"]),
        state=EventState(row["state"]),
        revoked=row["revoked"],
        held=row["held"],
        lifted=row["lifted"],
        note=row["note"],
    )


def parked_row(event: ParkedEvent) -> Row:
    """The row of a parked event."""
    row = new_row(address_of_event(event.source, event.id))
    row["source"] = event.source
    row["id"] = event.id
    row["owner"] = event.owner
    row["type"] = event.type
    row["parked_at"] = stamp(event.parked_at)
    row["message"] = event.message
    check_row(row)
    return row


def parked_of(row: Mapping[str, Any]) -> ParkedEvent:
    """The parked event in a row."""
    return read(row, _parked)


def _parked(row: Mapping[str, Any]) -> ParkedEvent:
    return ParkedEvent(
        source=row["source"],
        id=row["id"],
        owner=row["owner"],
        type=row["type"],
        parked_at=moment(row["parked_at"]),
        message=row["message"],
    )


def address_of_hold(hold: Hold) -> Address:
    """Issuer, serial, and who holds: a certificate may be held twice."""
    return Address(encode(hold.issuer), f"{encode(hold.serial)}!{encode(hold.by)}")


def hold_row(hold: Hold) -> Row:
    """The row of a hold."""
    row = new_row(address_of_hold(hold))
    row["issuer"] = hold.issuer
    row["serial"] = hold.serial
    row["source"] = hold.source
    row["event"] = hold.event
    row["owner"] = hold.owner
    row["held_by"] = hold.by
    row["held_at"] = stamp(hold.held_at)
    row["due"] = stamp(hold.due)
    row["reason"] = hold.reason
    check_row(row)
    return row


def hold_of(row: Mapping[str, Any]) -> Hold:
    """The hold in a row."""
    return read(row, _hold)


def _hold(row: Mapping[str, Any]) -> Hold:
    return Hold(
        issuer=row["issuer"],
        serial=row["serial"],
        source=row["source"],
        event=row["event"],
        owner=row["owner"],
        by=row["held_by"],
        held_at=moment(row["held_at"]),
        due=moment_or_none(row["due"]),
        reason=row["reason"],
    )
