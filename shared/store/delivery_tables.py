"""DeliveryLog and OrderLog in Azure Tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import groupby, islice

from azure.data.tables import TableClient

from shared.errors import Conflict
from shared.store import delivery_rows
from shared.store.deliveries import DeliveryAct
from shared.store.entity_table import BATCH, EntityTable
from shared.store.orders import OrderEntry


class TableDeliveryLog:
    """DeliveryLog."""

    def __init__(self, acts: TableClient) -> None:
        self._acts = EntityTable(acts)

    def note(self, act: DeliveryAct) -> None:
        self._acts.upsert(delivery_rows.act_row(act), "note")

    def of(self, delivery: str, days: Iterable[date]) -> Iterator[DeliveryAct]:
        wanted = delivery_rows.acts_of(delivery)
        for day in days:
            found = self._acts.within(delivery_rows.partition(day), wanted, "of")
            yield from map(delivery_rows.act_of, found)

    def purge(self, before: date, most: int) -> int:
        deleted = 0
        old = self._acts.addresses(delivery_rows.partitions_before(before), "purge")
        for _, found in groupby(islice(old, most), key=lambda address: address.partition):
            while batch := list(islice(found, BATCH)):
                self._acts.delete_all(batch, "purge")
                deleted += len(batch)
        return deleted


class TableOrderLog:
    """OrderLog."""

    def __init__(self, orders: TableClient) -> None:
        self._orders = EntityTable(orders)

    def begin(self, entry: OrderEntry) -> OrderEntry | None:
        try:
            self._orders.insert(delivery_rows.order_row(entry), "begin")
        except Conflict:
            found = self.find(entry.kind, entry.caller, entry.id)
            if found is None:
                raise
            return found
        return None

    def conclude(self, entry: OrderEntry) -> None:
        self._orders.upsert(delivery_rows.order_row(entry), "conclude")

    def find(self, kind: str, caller: str, identifier: str) -> OrderEntry | None:
        row = self._orders.get(delivery_rows.address_of_order(kind, caller, identifier), "find")
        return None if row is None else delivery_rows.order_of(row)

    def entries(self, kind: str) -> Iterator[OrderEntry]:
        return map(delivery_rows.order_of, self._orders.partitions(delivery_rows.orders_of(kind), "entries"))

    def purge(self, kind: str, before: datetime, most: int) -> int:
        old = (entry for entry in self.entries(kind) if entry.handled_at < before)
        found = list(islice(old, most))
        for entry in found:
            address = delivery_rows.address_of_order(entry.kind, entry.caller, entry.id)
            self._orders.delete(address, "purge")
        return len(found)
