"""DeviceStore, EventLog, ParkedEvents and HoldStore in Azure Tables, one table each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from azure.data.tables import TableClient

from shared.errors import Conflict
from shared.store import device_rows
from shared.store.addresses import encode
from shared.store.devices import (
    DeviceFacts,
    EventEntry,
    FleetCount,
    Hold,
    ParkedEvent,
    Standing,
)
from shared.store.entity_table import EntityTable


class TableDeviceStore:
    """DeviceStore."""

    def __init__(self, devices: TableClient) -> None:
        self._devices = EntityTable(devices)

    def facts(self, owner: str) -> DeviceFacts:
        rows = self._devices.partition(encode(owner), "facts")
        return device_rows.facts_of((row, row.metadata["etag"] or "") for row in rows)

    def learn(self, owner: str, alias: str) -> None:
        self._devices.upsert(device_rows.alias_row(owner, alias), "learn")

    def advance(self, owner: str, source: str, standing: Standing, known: Standing | None) -> None:
        row = device_rows.standing_row(owner, source, standing)
        if known is None:
            self._devices.insert(row, "advance")
        else:
            self._devices.merge(row, known.etag, "advance")

    def count_fleet(self, count: FleetCount) -> None:
        self._devices.upsert(device_rows.fleet_row(count), "count_fleet")

    def fleet(self) -> FleetCount | None:
        row = self._devices.get(device_rows.FLEET, "fleet")
        return None if row is None else device_rows.fleet_of(row)


class TableEventLog:
    """EventLog."""

    def __init__(self, events: TableClient) -> None:
        self._events = EntityTable(events)

    def begin(self, entry: EventEntry) -> EventEntry | None:
        try:
            self._events.insert(device_rows.event_row(entry), "begin")
        except Conflict:
            row = self._events.get(device_rows.address_of_event(entry.source, entry.id), "begin")
            if row is None:
                raise
            return device_rows.event_of(row)
        return None

    def find(self, source: str, identifier: str) -> EventEntry | None:
        row = self._events.get(device_rows.address_of_event(source, identifier), "find")
        return None if row is None else device_rows.event_of(row)

    def conclude(self, entry: EventEntry) -> None:
        self._events.upsert(device_rows.event_row(entry), "conclude")

    def entries(self, source: str | None = None) -> Iterator[EventEntry]:
        found = (
            self._events.partitions(device_rows.EVERYTHING, "entries")
            if source is None
            else self._events.partition(encode(source), "entries")
        )
        return map(device_rows.event_of, found)

    def purge(self, before: datetime, most: int) -> int:
        old = (entry for entry in self.entries() if entry.handled_at < before)
        count = 0
        for entry in list(islice(old, most)):
            self._events.delete(device_rows.address_of_event(entry.source, entry.id), "purge")
            count += 1
        return count


class TableParkedEvents:
    """ParkedEvents."""

    def __init__(self, parked: TableClient) -> None:
        self._parked = EntityTable(parked)

    def park(self, event: ParkedEvent) -> None:
        self._parked.upsert(device_rows.parked_row(event), "park")

    def all(self, source: str | None = None) -> Iterator[ParkedEvent]:
        found = (
            self._parked.partitions(device_rows.EVERYTHING, "all")
            if source is None
            else self._parked.partition(encode(source), "all")
        )
        return map(device_rows.parked_of, found)

    def remove(self, event: ParkedEvent) -> None:
        self._parked.delete(device_rows.address_of_event(event.source, event.id), "remove")


class TableHoldStore:
    """HoldStore."""

    def __init__(self, holds: TableClient) -> None:
        self._holds = EntityTable(holds)

    def remember(self, hold: Hold) -> None:
        self._holds.upsert(device_rows.hold_row(hold), "remember")

    def due(self, moment: datetime) -> Iterator[Hold]:
        return (hold for hold in self.all() if hold.due is not None and hold.due <= moment)

    def all(self) -> Iterator[Hold]:
        return map(device_rows.hold_of, self._holds.partitions(device_rows.EVERYTHING, "all"))

    def forget(self, hold: Hold) -> None:
        self._holds.delete(device_rows.address_of_hold(hold), "forget")
