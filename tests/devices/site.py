"""Certificates of devices, and events about them, all in memory and with a clock to move."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.ca.authority import CertificateAuthority, Order
from shared.ca.issuer import Issuer
from shared.devices.event import DeviceEvent
from shared.devices.outcome import Outcome
from shared.devices.parked import Parked
from shared.devices.service import Delivery, DeviceEvents
from shared.policy.events import EventType
from shared.policy.profiles import Profiles
from shared.revocation.brake import Brake, BrakeLimits
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.holds import Holds
from shared.revocation.service import RevocationService
from shared.store.devices import EventEntry
from shared.store.memory import MemoryQueue, MemoryStore, MemoryUseCounter
from shared.store.memory_devices import (
    MemoryDeviceStore,
    MemoryEventLog,
    MemoryHoldStore,
    MemoryParkedEvents,
)
from shared.store.ports import CertificateRecord, Status
from tests.ca.stores import Worker, template
from tests.scep.authority import NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
ENTRA = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

PROFILE = """
title = "x"
holder = "device"
key_usage = { allowed = ["digitalSignature"] }
validity = 365
"""
POLICY = f"""
version = 1
[profiles.device]
challenge = "sealed"
challenge_lifetime = 60
{PROFILE}
[profiles.printer]
challenge = "static"
{PROFILE}
events.wiped = {{ action = "ignore" }}
events.noncompliant = {{ action = "hold", hold_days = 14, reason = "privilegeWithdrawn" }}
events.bulk_grace_hours = 0
[[event_sources]]
name = "generic"
[[event_sources]]
name = "nightly"
bulk = true
[[event_sources]]
name = "careful"
most_devices = 2
"""


@dataclass
class Site:
    """`now` is the time of everything in here; `limits` those of the brake."""

    now: datetime = NOW
    policy: str = POLICY
    limits: BrakeLimits = field(default_factory=lambda: BrakeLimits(100, 5, HOUR))
    store: MemoryStore = field(default_factory=MemoryStore)
    devices: MemoryDeviceStore = field(default_factory=MemoryDeviceStore)
    log: MemoryEventLog = field(default_factory=MemoryEventLog)
    hold_store: MemoryHoldStore = field(default_factory=MemoryHoldStore)
    parked_events: MemoryParkedEvents = field(default_factory=MemoryParkedEvents)
    crl_queue: MemoryQueue = field(default_factory=MemoryQueue)
    queue: MemoryQueue = field(default_factory=MemoryQueue)

    def __post_init__(self) -> None:
        worker = Worker(self.store)
        self.issuer: Issuer = worker.issuer
        self.authority: CertificateAuthority = worker.authority
        self.profiles = Profiles.parse(self.policy)
        self.issued = 0
        self.counter = MemoryUseCounter()
        self.revocations = RevocationService(
            self.store, CRLRequests(self.crl_queue, lambda: self.now), lambda: self.now
        )
        self.holds = Holds(self.hold_store, self.revocations, lambda: self.now)
        self.parked = Parked(self.parked_events, self.log, self.queue, lambda: self.now)
        self.events = self.service()

    def service(self, **parts: Any) -> DeviceEvents:
        """A worker's handling of events, with some parts its own."""
        usual: dict[str, Any] = {
            "records": self.store,
            "devices": self.devices,
            "log": self.log,
            "holds": self.hold_store,
            "parked": self.parked_events,
            "brake": Brake(self.limits, self.counter, self.devices, lambda: self.now),
            "revocations": self.revocations,
            "profiles": self.profiles,
            "again": self.queue,
            "clock": lambda: self.now,
        }
        return DeviceEvents(**usual | parts)

    def issue(
        self, device: str = GUID, *, profile: str = "device", minted_at: datetime | None = None, **more: Any
    ) -> CertificateRecord:
        """A certificate of a device, issued now."""
        self.issued += 1
        order = Order(
            f"challenge-{self.issued}",
            profile,
            more.pop("vouched_by", "sealed:tests" if profile == "device" else "static:tests"),
            device=device,
            challenge_minted_at=minted_at,
            **more,
        )
        asked = replace(
            template(self.issued % 3), not_before=self.now - HOUR, not_after=self.now + timedelta(days=364)
        )
        return self.authority.issue(asked, order, now=self.now).record

    def tell(self, kind: str, **changes: Any) -> Outcome:
        """An event as it comes from the queue, handled."""
        return self.events.handle(self.delivery(kind, **changes))

    def delivery(
        self,
        kind: str,
        *,
        source: str = "generic",
        owners: Any = (f"device:{GUID}",),
        **more: Any,
    ) -> Delivery:
        occurred_at = more.pop("occurred_at", self.now)
        identifier = more.pop("id", "") or f"{kind}-{occurred_at.timestamp():.0f}-{owners[0]}"
        event = DeviceEvent(source, identifier, EventType(kind), occurred_at, tuple(owners))
        message = {"id": identifier, "type": kind}
        return Delivery(event, lambda: message, more.pop("received_at", self.now), **more)

    def status(self, record: CertificateRecord) -> Status:
        return self.record(record).status

    def reason(self, record: CertificateRecord) -> str:
        revocation = self.record(record).revocation
        return revocation.reason if revocation else ""

    def record(self, record: CertificateRecord) -> CertificateRecord:
        found = self.store.find(record.issuer, record.serial)
        assert found is not None
        return found

    def entry(self) -> EventEntry:
        """The only event on record."""
        (entry,) = self.log.entries()
        return entry
