"""Device events, wired: who tells of them, what they do, and the brake."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Protocol

from shared.devices.parked import Parked
from shared.devices.service import DeviceEvents
from shared.devices.sources import EventSources
from shared.revocation.brake import Brake, BrakeLimits, window_name
from shared.revocation.holds import Holds
from shared.store.device_tables import TableDeviceStore, TableEventLog, TableHoldStore, TableParkedEvents
from shared.store.devices import DeviceStore, EventLog, FleetCount, HoldStore, ParkedEvents
from shared.store.ports import UseCounter
from shared.store.uses import TableUseCounter
from shared.wiring.named import checked, revealed
from shared.wiring.revoking import Revoking
from shared.wiring.stores import EVENT_QUEUE

_MOST_PURGED = 5_000
"""Events in one run of the timer."""


class BrakeCounter(UseCounter, Protocol):
    """What the brake counts with, and what is purged of it."""

    def forget_before(self, name: str) -> None:
        """Forget what was counted under names that sort before `name`."""


class Events(Revoking):
    """What happens to devices."""

    @cached_property
    def event_sources(self) -> EventSources:
        sources = {source.name: source for source in self.profiles.event_sources}
        secrets = {
            name: tuple(part.strip() for part in text.split(",") if part.strip())
            for name, text in revealed(self.settings.event_secrets).items()
        }
        window = self.settings.webhook_window
        return checked("SCEPTER_EVENT_SECRETS", lambda: EventSources(sources, secrets, window))

    @cached_property
    def devices(self) -> DeviceStore:
        return TableDeviceStore(self.storage.table("devices"))

    @cached_property
    def event_log(self) -> EventLog:
        return TableEventLog(self.storage.table("events"))

    @cached_property
    def parked_events(self) -> ParkedEvents:
        return TableParkedEvents(self.storage.table("parked"))

    @cached_property
    def hold_store(self) -> HoldStore:
        return TableHoldStore(self.storage.table("holds"))

    @cached_property
    def brake_counter(self) -> BrakeCounter:
        return TableUseCounter(self.storage.table("brake"))

    @cached_property
    def brake(self) -> Brake:
        settings = self.settings
        limits = BrakeLimits(settings.brake_devices, settings.brake_percent, settings.brake_window)
        return Brake(limits, self.brake_counter, self.devices, self.clock)

    @cached_property
    def holds(self) -> Holds:
        return Holds(self.hold_store, self.revocations, self.clock)

    @cached_property
    def device_events(self) -> DeviceEvents:
        approval = any(profile.approval for profile in self.profiles.profiles.values())
        return DeviceEvents(
            records=self.records,
            devices=self.devices,
            log=self.event_log,
            holds=self.hold_store,
            parked=self.parked_events,
            brake=self.brake,
            revocations=self.revocations,
            profiles=self.profiles,
            again=self.queue(EVENT_QUEUE),
            clock=self.clock,
            waiting=self.pending_requests if approval else None,
        )

    @cached_property
    def parked(self) -> Parked:
        return Parked(self.parked_events, self.event_log, self.queue(EVENT_QUEUE), self.clock)

    def count_fleet(self) -> int:
        """Count the owners of live certificates, for the brake; returns how many."""
        now = self.clock()
        live = (record for record in self.all_records() if record.not_after > now)
        owners = {record.owner for record in live if record.owner.startswith(("device:", "user:"))}
        self.devices.count_fleet(FleetCount(len(owners), now))
        return len(owners)

    def purge_events(self) -> int:
        """Forget events that are past their time, some of them, and what the brake counted; returns how many."""
        now = self.clock()
        self.brake_counter.forget_before(window_name(now - timedelta(days=8), self.settings.brake_window, ""))
        return self.event_log.purge(now - timedelta(days=self.settings.event_days), _MOST_PURGED)
