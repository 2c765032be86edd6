"""DeviceStore, EventLog, ParkedEvents and HoldStore in memory: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from threading import Lock

from shared.errors import Conflict
from shared.store import device_rows
from shared.store.addresses import Address, encode
from shared.store.columns import Row
from shared.store.devices import (
    DeviceFacts,
    EventEntry,
    FleetCount,
    Hold,
    ParkedEvent,
    Standing,
)


class _Table:
    """Rows by address, in order, each with an ETag."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.rows: dict[Address, tuple[Row, str]] = {}
        self._etags = count(1)

    def put(self, row: Row) -> None:
        with self.lock:
            self.rows[_address(row)] = row, f'W/"{next(self._etags)}"'

    def swap(self, row: Row, etag: str | None) -> bool:
        """Put `row` if what is there has `etag`; None: if nothing is there. Whether it was done."""
        with self.lock:
            stored = self.rows.get(_address(row))
            if (stored and stored[1]) != etag:
                return False
            self.rows[_address(row)] = row, f'W/"{next(self._etags)}"'
            return True

    def all(self, partition: str | None = None) -> list[tuple[Row, str]]:
        with self.lock:
            keys = sorted(key for key in self.rows if partition in (None, key.partition))
            return [self.rows[key] for key in keys]

    def drop(self, address: Address) -> None:
        with self.lock:
            self.rows.pop(address, None)


class MemoryDeviceStore:
    """DeviceStore."""

    def __init__(self) -> None:
        self._table = _Table()

    def facts(self, owner: str) -> DeviceFacts:
        return device_rows.facts_of(self._table.all(encode(owner)))

    def learn(self, owner: str, alias: str) -> None:
        self._table.put(device_rows.alias_row(owner, alias))

    def advance(self, owner: str, source: str, standing: Standing, known: Standing | None) -> None:
        row = device_rows.standing_row(owner, source, standing)
        if not self._table.swap(row, known.etag if known else None):
            raise Conflict("advance: another standing is there")

    def count_fleet(self, count: FleetCount) -> None:
        self._table.put(device_rows.fleet_row(count))

    def fleet(self) -> FleetCount | None:
        found = self._table.rows.get(device_rows.FLEET)
        return None if found is None else device_rows.fleet_of(found[0])


class MemoryEventLog:
    """EventLog."""

    def __init__(self) -> None:
        self._table = _Table()

    def begin(self, entry: EventEntry) -> EventEntry | None:
        row = device_rows.event_row(entry)
        if self._table.swap(row, None):
            return None
        return device_rows.event_of(self._table.rows[_address(row)][0])

    def find(self, source: str, identifier: str) -> EventEntry | None:
        found = self._table.rows.get(device_rows.address_of_event(source, identifier))
        return None if found is None else device_rows.event_of(found[0])

    def conclude(self, entry: EventEntry) -> None:
        self._table.put(device_rows.event_row(entry))

    def entries(self, source: str | None = None) -> Iterator[EventEntry]:
        partition = None if source is None else encode(source)
        yield from (device_rows.event_of(row) for row, _ in self._table.all(partition))

    def purge(self, before: datetime, most: int) -> int:
        old = [entry for entry in self.entries() if entry.handled_at < before][:most]
        for entry in old:
            self._table.drop(device_rows.address_of_event(entry.source, entry.id))
        return len(old)


class MemoryParkedEvents:
    """ParkedEvents."""

    def __init__(self) -> None:
        self._table = _Table()

    def park(self, event: ParkedEvent) -> None:
        self._table.put(device_rows.parked_row(event))

    def all(self, source: str | None = None) -> Iterator[ParkedEvent]:
        partition = None if source is None else encode(source)
        yield from (device_rows.parked_of(row) for row, _ in self._table.all(partition))

    def remove(self, event: ParkedEvent) -> None:
        self._table.drop(device_rows.address_of_event(event.source, event.id))


class MemoryHoldStore:
    """HoldStore."""

    def __init__(self) -> None:
        self._table = _Table()

    def remember(self, hold: Hold) -> None:
        self._table.put(device_rows.hold_row(hold))

    def due(self, moment: datetime) -> Iterator[Hold]:
        yield from (hold for hold in self.all() if hold.due is not None and hold.due <= moment)

    def all(self) -> Iterator[Hold]:
        yield from (device_rows.hold_of(row) for row, _ in self._table.all())

    def forget(self, hold: Hold) -> None:
        self._table.drop(device_rows.address_of_hold(hold))


def _address(row: Row) -> Address:
    return Address(str(row["PartitionKey"]), str(row["RowKey"]))
