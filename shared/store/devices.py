"""What is known of devices and of what happened to them: the values on record, and the ports that keep them.

An owner is `device:<id>` or `user:<upn>`, in lower case, as in the owners' index. All times are aware, UTC, whole
seconds. Every method may raise StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest hold or lift that a source told of an owner; what happened before it is history.

    Of a hold and a lift at the same second the hold is the newer one. `etag` names the version that was read.
    """

    at: datetime
    held: bool
    etag: str = field(default="", compare=False)

    @property
    def rank(self) -> tuple[datetime, bool]:
        """What is newer ranks higher."""
        return self.at, self.held


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """All that is known of an owner: its other names, and its standing with each source."""

    aliases: tuple[str, ...] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetCount:
    """How many devices and users hold live certificates, as it was counted."""

    owners: int
    at: datetime


class DeviceStore(Protocol):
    """Names of one device, and its standing."""

    def facts(self, owner: str) -> DeviceFacts:
        """One query; nothing is known of most owners."""

    def learn(self, owner: str, alias: str) -> None:
        """`alias` names the same device as `owner`; one direction only. Idempotent."""

    def advance(self, owner: str, source: str, standing: Standing, known: Standing | None) -> None:
        """Put `standing` in place of the one that was read, or of none. Raises Conflict if another one stands
        there by now."""

    def count_fleet(self, count: FleetCount) -> None:
        """Note how many there are; the last word counts."""

    def fleet(self) -> FleetCount | None:
        """The last count; None before the first one."""


class EventState(StrEnum):
    """How far the handling of an event has come."""

    BEGUN = "begun"
    APPLIED = "applied"
    IGNORED = "ignored"
    PARKED = "parked"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event on record, by source and id. `digest` is of its content, so that an id means one event only.

    `revoked`, `held` and `lifted` count certificates; `note` is why nothing was done, where nothing was.
    """

    source: str
    id: str
    digest: str
    type: str
    owner: str
    occurred_at: datetime
    handled_at: datetime
    state: EventState
    revoked: int = 0
    held: int = 0
    lifted: int = 0
    note: str = ""


class EventLog(Protocol):
    """Every event that was handled, once."""

    def begin(self, entry: EventEntry) -> EventEntry | None:
        """Insert; returns the entry that was there already instead, if one was. One call, two for a repeat."""

    def find(self, source: str, identifier: str) -> EventEntry | None:
        """One point read."""

    def conclude(self, entry: EventEntry) -> None:
        """Put the entry as it is now; the last word counts."""

    def entries(self, source: str | None = None) -> Iterator[EventEntry]:
        """Everything on record, by source and id. A scan, for administrators."""

    def purge(self, before: datetime, most: int) -> int:
        """Delete entries handled before a moment, at most `most`; returns how many."""


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that the brake held back: its message (JSON), whole, to be let through or thrown away later."""

    source: str
    id: str
    owner: str
    type: str
    parked_at: datetime
    message: str = field(repr=False)


class ParkedEvents(Protocol):
    """What the brake held back."""

    def park(self, event: ParkedEvent) -> None:
        """Idempotent by source and id."""

    def all(self, source: str | None = None) -> Iterator[ParkedEvent]:
        """Everything parked, by source and id."""

    def remove(self, event: ParkedEvent) -> None:
        """Idempotent."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A certificate that an event put on hold. At `due` it is revoked for `reason`; None: it waits to be lifted.

    `by` is what the record says of the hold, `held_at` when it was placed.
    """

    issuer: str
    serial: str
    source: str
    event: str
    owner: str
    by: str
    held_at: datetime
    due: datetime | None
    reason: str


class HoldStore(Protocol):
    """Holds that events placed."""

    def remember(self, hold: Hold) -> None:
        """Idempotent by issuer, serial and `by`; the last word counts."""

    def due(self, moment: datetime) -> Iterator[Hold]:
        """Everything due at or before `moment`. A scan: there are as many as certificates are held now."""

    def all(self) -> Iterator[Hold]:
        """Every hold, by issuer and serial."""

    def forget(self, hold: Hold) -> None:
        """Idempotent."""
