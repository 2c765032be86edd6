"""Devices and users of a directory, subscriptions, notes <-> rows of their tables. Conventions as in `rows`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.store.addresses import Address, encode
from shared.store.columns import Row, moment, new_row, read, stamp
from shared.store.directory import Kind, Known, Note, Subscription
from shared.store.limits import check_row

SUBSCRIPTIONS = "subscriptions"
"""One partition: they are few, and looked for by id."""
_NOTES = "notes"
_PIECE = 15_000
"""Characters of a column: JSON of a note may be longer than one holds."""


def partition_of(integration: str, kind: Kind) -> str:
    """Where the devices, or the users, of an integration are."""
    return f"{encode(integration)}:{kind}"


def address_of(integration: str, kind: Kind, key: str) -> Address:
    """Where a device or user is."""
    return Address(partition_of(integration, kind), encode(key))


def known_row(known: Known) -> Row:
    """The row of a device or user."""
    row = new_row(address_of(known.integration, known.kind, known.key))
    row["integration"] = known.integration
    row["kind"] = known.kind
    row["key"] = known.key
    row["names"] = _json(dict(known.names))
    row["facts"] = _json(dict(known.facts))
    row["condition"] = known.condition
    row["since"] = stamp(known.since)
    row["told"] = int(known.told)
    check_row(row)
    return row


def known_of(row: Mapping[str, Any], etag: str) -> Known:
    """The device or user in a row."""
    return read(row, lambda columns: _known(columns, etag))


def _known(row: Mapping[str, Any], etag: str) -> Known:
    return Known(
        integration=row["integration"],
        kind=row["kind"],
        key=row["key"],
        names=json.loads(row["names"]),
        facts=json.loads(row["facts"]),
        condition=row["condition"],
        since=moment(row["since"]),
        told=bool(row["told"]),
        etag=etag,
    )


def address_of_subscription(identifier: str) -> Address:
    """Where a subscription is."""
    return Address(SUBSCRIPTIONS, encode(identifier))


def subscription_row(subscription: Subscription) -> Row:
    """The row of a subscription."""
    row = new_row(address_of_subscription(subscription.id))
    row["id"] = subscription.id
    row["integration"] = subscription.integration
    row["tenant"] = subscription.tenant
    row["resource"] = subscription.resource
    row["url"] = subscription.url
    row["digest"] = subscription.digest
    row["expires_at"] = stamp(subscription.expires_at)
    check_row(row)
    return row


def subscription_of(row: Mapping[str, Any]) -> Subscription:
    """The subscription in a row."""
    return read(row, _subscription)


def _subscription(row: Mapping[str, Any]) -> Subscription:
    return Subscription(
        id=row["id"],
        integration=row["integration"],
        tenant=row["tenant"],
        resource=row["resource"],
        url=row["url"],
        digest=row["digest"],
        expires_at=moment(row["expires_at"]),
    )


def address_of_note(name: str) -> Address:
    """Where a note is."""
    return Address(_NOTES, encode(name))


def note_row(note: Note) -> Row:
    """The row of a note, whose JSON is cut into pieces."""
    row = new_row(address_of_note(note.name))
    row["name"] = note.name
    row["at"] = stamp(note.at)
    text = _json(dict(note.content))
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    row["pieces"] = len(pieces)
    row |= {f"content{number}": piece for number, piece in enumerate(pieces)}
    check_row(row)
    return row


def note_of(row: Mapping[str, Any]) -> Note:
    """The note in a row."""
    return read(row, _note)


def _note(row: Mapping[str, Any]) -> Note:
    text = "".join(row[f"content{number}"] for number in range(row["pieces"]))
    return Note(row["name"], moment(row["at"]), json.loads(text))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
