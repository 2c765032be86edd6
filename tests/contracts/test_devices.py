"""DeviceStore, EventLog, ParkedEvents and HoldStore: one promise each, over memory and over Azurite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict
from shared.store.connection import StorageConnection
from shared.store.device_tables import TableDeviceStore, TableEventLog, TableHoldStore, TableParkedEvents
from shared.store.devices import (
    DeviceFacts,
    DeviceStore,
    EventEntry,
    EventLog,
    EventState,
    FleetCount,
    Hold,
    HoldStore,
    ParkedEvent,
    ParkedEvents,
    Standing,
)
from shared.store.memory_devices import (
    MemoryDeviceStore,
    MemoryEventLog,
    MemoryHoldStore,
    MemoryParkedEvents,
)
from tests.contracts.examples import AWKWARD_IDS, ISSUER, NOW, serial

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Stores:
    devices: DeviceStore
    events: EventLog
    parked: ParkedEvents
    holds: HoldStore


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return Stores(MemoryDeviceStore(), MemoryEventLog(), MemoryParkedEvents(), MemoryHoldStore())
    connection: StorageConnection = request.getfixturevalue("connection")
    return Stores(
        TableDeviceStore(connection.table("devices")),
        TableEventLog(connection.table("events")),
        TableParkedEvents(connection.table("parked")),
        TableHoldStore(connection.table("holds")),
    )


def entry(**changes: Any) -> EventEntry:
    usual = EventEntry("generic", "event-1", "ab" * 32, "wiped", "device:a", NOW, NOW, EventState.BEGUN)
    return replace(usual, **changes)


def hold(**changes: Any) -> Hold:
    usual = Hold(
        ISSUER, serial(), "directory", "event-1", "device:a", "event:directory", NOW, NOW + HOUR, "superseded"
    )
    return replace(usual, **changes)


def test_nothing_is_known_of_a_stranger(stores: Stores) -> None:
    assert stores.devices.facts("device:nobody") == DeviceFacts()
    assert stores.devices.fleet() is None


def test_aliases_are_of_one_direction_and_learned_once(stores: Stores) -> None:
    for _ in range(2):
        stores.devices.learn("device:a", "device:b")
        stores.devices.learn("device:a", "device:c")
    assert sorted(stores.devices.facts("device:a").aliases) == ["device:b", "device:c"]
    assert stores.devices.facts("device:b") == DeviceFacts()


def test_awkward_names_come_back_as_they_are(stores: Stores) -> None:
    for name in AWKWARD_IDS:
        stores.devices.learn(f"device:{name}", f"user:{name}")
        assert stores.devices.facts(f"device:{name}").aliases == (f"user:{name}",)


def test_a_standing_replaces_only_the_one_that_was_read(stores: Stores) -> None:
    held, lifted = Standing(NOW, True), Standing(NOW + HOUR, False)
    stores.devices.advance("device:a", "directory", held, None)
    with pytest.raises(Conflict):
        stores.devices.advance("device:a", "directory", lifted, None)
    known = stores.devices.facts("device:a").standings["directory"]
    assert known == held
    stores.devices.advance("device:a", "directory", lifted, known)
    with pytest.raises(Conflict):
        stores.devices.advance("device:a", "directory", held, known)
    stores.devices.advance("device:a", "intune", held, None)
    assert stores.devices.facts("device:a").standings == {"directory": lifted, "intune": held}


def test_of_a_hold_and_a_lift_at_one_second_the_hold_is_newer() -> None:
    assert Standing(NOW, True).rank > Standing(NOW, False).rank
    assert Standing(NOW + HOUR, False).rank > Standing(NOW, True).rank


def test_the_last_count_of_the_fleet_stands(stores: Stores) -> None:
    for owners in (10, 7):
        stores.devices.count_fleet(FleetCount(owners, NOW))
    assert stores.devices.fleet() == FleetCount(7, NOW)


def test_an_event_begins_once(stores: Stores) -> None:
    assert stores.events.find("generic", "event-1") is None
    assert stores.events.begin(entry()) is None
    assert stores.events.find("generic", "event-1") == entry()
    assert stores.events.begin(entry(digest="cd" * 32)) == entry()
    assert stores.events.begin(entry(source="jamf")) is None
    done = entry(state=EventState.APPLIED, revoked=3, held=2, lifted=1, note="why", handled_at=NOW + HOUR)
    stores.events.conclude(done)
    assert stores.events.begin(entry()) == done
    assert list(stores.events.entries("generic")) == [done]
    assert [found.source for found in stores.events.entries()] == ["generic", "jamf"]


def test_old_events_are_purged_some_at_a_time(stores: Stores) -> None:
    for number in range(5):
        stores.events.begin(entry(id=f"event-{number}", handled_at=NOW + number * HOUR))
    assert stores.events.purge(NOW + 3 * HOUR, 2) == 2
    assert stores.events.purge(NOW + 3 * HOUR, 9) == 1
    assert [found.id for found in stores.events.entries()] == ["event-3", "event-4"]


def test_what_is_parked_waits_whole(stores: Stores) -> None:
    parked = [
        ParkedEvent(source, f"event-{number}", "device:a", "wiped", NOW, '{"id": "ü"}' + "x" * 9000)
        for source, number in (("generic", 2), ("generic", 1), ("jamf", 1))
    ]
    for event in [*parked, parked[0]]:
        stores.parked.park(event)
    assert list(stores.parked.all()) == [parked[1], parked[0], parked[2]]
    assert list(stores.parked.all("jamf")) == [parked[2]]
    assert "x" * 9 not in repr(parked[0])
    for _ in range(2):
        stores.parked.remove(parked[0])
    assert list(stores.parked.all("generic")) == [parked[1]]


def test_holds_are_kept_by_certificate_and_who_holds(stores: Stores) -> None:
    holds = [
        hold(serial=serial(number=1), due=NOW + 30 * HOUR),
        hold(serial=serial(number=2), due=NOW),
        hold(serial=serial(number=2), due=None, by="hold:directory"),
        hold(serial=serial(number=3), due=NOW + timedelta(minutes=1)),
    ]
    for each in [replace(holds[0], due=None), *holds]:
        stores.holds.remember(each)
    assert list(stores.holds.all()) == holds
    assert list(stores.holds.due(NOW)) == [holds[1]]
    assert list(stores.holds.due(NOW + 30 * HOUR)) == [holds[0], holds[1], holds[3]]
    for _ in range(2):
        stores.holds.forget(replace(holds[1], due=None))
    assert list(stores.holds.all()) == [holds[0], holds[2], holds[3]]
