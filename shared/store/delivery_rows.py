"""Deliveries <-> metadata of blobs, acts <-> rows by day, orders <-> rows by caller. Conventions as in `rows`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any

from shared.errors import IssuanceFault
from shared.store.addresses import Address, Range, encode
from shared.store.columns import SCHEMA_VERSION, Row, moment, new_row, read, stamp
from shared.store.deliveries import Act, Delivery, DeliveryAct
from shared.store.limits import check_row
from shared.store.orders import OrderEntry, OrderState

_TEXTS = ("kind", "caller", "id", "digest", "profile", "device", "user", "delivery", "serial", "note")


def metadata_of(delivery: Delivery) -> dict[str, str]:
    """What a blob says beside its content; empty values have no place there."""
    told = {
        "schema_version": str(SCHEMA_VERSION),
        "made_at": stamp(delivery.made_at),
        "expires_at": stamp(delivery.expires_at),
        "issuer": delivery.issuer,
        "serial": delivery.serial,
        "attempt": str(delivery.attempt),
        "over": "yes" if delivery.over else "",
    }
    return {name: value for name, value in told.items() if value}


def delivery_of(identifier: str, content: bytes, metadata: Mapping[str, str], etag: str) -> Delivery:
    """The delivery in a blob. Raises IssuanceFault for a blob that is not ours."""
    if metadata.get("schema_version") != str(SCHEMA_VERSION):
        raise IssuanceFault(f"{identifier} is not a delivery that this version reads")
    try:
        return Delivery(
            id=identifier,
            content=content,
            made_at=moment(metadata["made_at"]),
            expires_at=moment(metadata["expires_at"]),
            issuer=metadata.get("issuer", ""),
            serial=metadata.get("serial", ""),
            attempt=int(metadata["attempt"]),
            over="over" in metadata,
            etag=etag,
        )
    except (KeyError, ValueError):
        raise IssuanceFault(f"{identifier} is not a delivery of ours") from None


def partition(day: date) -> str:
    """The partition of a day's acts."""
    return f"{day:%Y%m%d}"


def partitions_before(day: date) -> Range:
    """All partitions of the days before `day`."""
    return Range("", partition(day))


def acts_of(delivery: str) -> Range:
    """Row keys of one delivery; no encoded id holds `!`."""
    return Range(f"{encode(delivery)}!", f"{encode(delivery)}!~")


def act_row(act: DeliveryAct) -> Row:
    """The row of an act."""
    at = act.at.astimezone(UTC)
    row = new_row(Address(partition(at.date()), f"{acts_of(act.delivery).first}{at:%H%M%S}-{act.mark}"))
    row |= {
        "delivery": act.delivery,
        "act": act.act.value,
        "at": stamp(at),
        "mark": act.mark,
        "source": act.source,
    }
    check_row(row)
    return row


def act_of(row: Mapping[str, Any]) -> DeliveryAct:
    """The act in a row."""
    return read(row, _act)


def _act(row: Mapping[str, Any]) -> DeliveryAct:
    return DeliveryAct(row["delivery"], Act(row["act"]), moment(row["at"]), row["mark"], row["source"])


def orders_of(kind: str) -> Range:
    """All partitions of a kind; no encoded name holds `!`."""
    return Range(f"{encode(kind)}!", f"{encode(kind)}!~")


def address_of_order(kind: str, caller: str, identifier: str) -> Address:
    """Where an order is."""
    return Address(f"{orders_of(kind).first}{encode(caller)}", encode(identifier))


def order_row(entry: OrderEntry) -> Row:
    """The row of an order."""
    row = new_row(address_of_order(entry.kind, entry.caller, entry.id))
    row |= {name: getattr(entry, name) for name in _TEXTS}
    row |= {"state": entry.state.value, "requested_at": stamp(entry.requested_at)}
    row["handled_at"] = stamp(entry.handled_at)
    check_row(row)
    return row


def order_of(row: Mapping[str, Any]) -> OrderEntry:
    """The order in a row."""
    return read(row, _order)


def _order(row: Mapping[str, Any]) -> OrderEntry:
    return OrderEntry(
        state=OrderState(row["state"]),
        requested_at=moment(row["requested_at"]),
        handled_at=moment(row["handled_at"]),
        **{name: row[name] for name in _TEXTS},
    )
