"""The brake: how many devices one source may hold or revoke in a window of time. What is beyond waits for a human.

It is there for mistakes: a script that loops over the wrong list, a listing that came back half empty. Windows are
fixed (the hour from :00 to :00, say), so across a border it may be twice as many.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from shared.store.devices import FleetCount
from shared.store.ports import UseCounter

log = logging.getLogger("scepter.brake")

FLOOR: Final = 10
"""A small fleet must work too: a share of it is never less than this."""
_FLEET_READ_EVERY: Final = timedelta(minutes=10)


class Fleet(Protocol):
    """Who knows how many there are."""

    def fleet(self) -> FleetCount | None: ...


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """`devices` in a `window`, and never more than `percent` of the fleet where that was counted."""

    devices: int
    percent: int
    window: timedelta

    def most(self, fleet: FleetCount | None, own: int | None) -> int:
        """How many devices a source may touch; `own` is the limit that the source has of its own."""
        if own is not None:
            return own
        if fleet is None:
            return self.devices
        return min(self.devices, max(FLOOR, fleet.owners * self.percent // 100))


@dataclass(slots=True)
class Brake:
    """Counts exactly, whoever counts along; a device counts once in a window, however often it comes."""

    limits: BrakeLimits
    counter: UseCounter
    devices: Fleet
    clock: Callable[[], datetime]
    _fleet: FleetCount | None = field(default=None, init=False)
    _read_at: datetime | None = field(default=None, init=False)

    def admits(self, source: str, owner: str, at: datetime, own: int | None = None) -> bool:
        """Whether `source` may touch `owner`'s certificates for an event that came in at `at`. Raises
        StoreUnavailable."""
        most = self.limits.most(self._counted(), own)
        admitted = self.counter.take(window_name(at, self.limits.window, source), owner, most)
        if not admitted:
            log.critical("event source %s is above its %d devices: what it tells is parked", source, most)
        return admitted

    def _counted(self) -> FleetCount | None:
        now = self.clock()
        if self._read_at is None or now - self._read_at > _FLEET_READ_EVERY:
            self._fleet, self._read_at = self.devices.fleet(), now
        return self._fleet


def window_name(at: datetime, window: timedelta, source: str) -> str:
    """The name that one window of a source is counted under; names sort by time."""
    seconds = int(window.total_seconds())
    start = int(at.timestamp()) // seconds * seconds
    return f"{datetime.fromtimestamp(start, UTC):%Y%m%d%H%M%S}.{source}"
