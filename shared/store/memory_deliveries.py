"""DeliveryStore, DeliveryLog and OrderLog in memory: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import count
from threading import Lock

from shared.errors import Conflict
from shared.store import delivery_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.deliveries import Delivery, DeliveryAct
from shared.store.limits import check_publication
from shared.store.orders import OrderEntry


class MemoryDeliveryStore:
    """DeliveryStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._etags = count(1)
        self.blobs: dict[str, Delivery] = {}

    def put(self, delivery: Delivery) -> None:
        check_publication(delivery.id, delivery_rows.metadata_of(delivery))
        with self._lock:
            if delivery.id in self.blobs:
                raise Conflict("put: there is one by that id")
            self._keep(delivery)

    def find(self, identifier: str) -> Delivery | None:
        return self.blobs.get(identifier)

    def close(self, delivery: Delivery) -> None:
        with self._lock:
            self._require(delivery, "close")
            self._keep(replace(delivery, content=b"", over=True))

    def all(self) -> Iterator[Delivery]:
        with self._lock:
            found = sorted(self.blobs.values(), key=lambda delivery: delivery.id)
        yield from (replace(delivery, content=b"") for delivery in found)

    def remove(self, delivery: Delivery) -> None:
        with self._lock:
            if delivery.id in self.blobs:
                self._require(delivery, "remove")
                del self.blobs[delivery.id]

    def _keep(self, delivery: Delivery) -> None:
        etag, metadata = f'"{next(self._etags)}"', delivery_rows.metadata_of(delivery)
        self.blobs[delivery.id] = delivery_rows.delivery_of(delivery.id, delivery.content, metadata, etag)

    def _require(self, delivery: Delivery, act: str) -> None:
        stored = self.blobs.get(delivery.id)
        if stored is None or (delivery.etag and stored.etag != delivery.etag):
            raise Conflict(f"{act}: the delivery was changed or is gone")


class MemoryDeliveryLog:
    """DeliveryLog."""

    def __init__(self) -> None:
        self.rows: dict[Address, Row] = {}

    def note(self, act: DeliveryAct) -> None:
        row = delivery_rows.act_row(act)
        self.rows[_address(row)] = row

    def of(self, delivery: str, days: Iterable[date]) -> Iterator[DeliveryAct]:
        wanted = delivery_rows.acts_of(delivery)
        for day in days:
            partition = delivery_rows.partition(day)
            keys = [
                key
                for key in self.rows
                if key.partition == partition and wanted.first <= key.row < wanted.beyond
            ]
            yield from (delivery_rows.act_of(self.rows[key]) for key in sorted(keys))

    def purge(self, before: date, most: int) -> int:
        beyond = delivery_rows.partitions_before(before).beyond
        old = sorted(key for key in self.rows if key.partition < beyond)[:most]
        for key in old:
            del self.rows[key]
        return len(old)


class MemoryOrderLog:
    """OrderLog."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.rows: dict[Address, Row] = {}

    def begin(self, entry: OrderEntry) -> OrderEntry | None:
        row = delivery_rows.order_row(entry)
        with self._lock:
            found = self.rows.setdefault(_address(row), row)
        return None if found is row else delivery_rows.order_of(found)

    def conclude(self, entry: OrderEntry) -> None:
        row = delivery_rows.order_row(entry)
        self.rows[_address(row)] = row

    def find(self, kind: str, caller: str, identifier: str) -> OrderEntry | None:
        row = self.rows.get(delivery_rows.address_of_order(kind, caller, identifier))
        return None if row is None else delivery_rows.order_of(row)

    def entries(self, kind: str) -> Iterator[OrderEntry]:
        within = delivery_rows.orders_of(kind)
        keys = sorted(key for key in list(self.rows) if within.first <= key.partition < within.beyond)
        yield from (delivery_rows.order_of(self.rows[key]) for key in keys)

    def purge(self, kind: str, before: datetime, most: int) -> int:
        old = [entry for entry in self.entries(kind) if entry.handled_at < before][:most]
        for entry in old:
            del self.rows[delivery_rows.address_of_order(entry.kind, entry.caller, entry.id)]
        return len(old)


def _address(row: Row) -> Address:
    return Address(str(row["PartitionKey"]), str(row["RowKey"]))
