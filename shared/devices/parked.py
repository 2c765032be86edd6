"""What the brake held back, and what an administrator does with it: let it through, or throw it away."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from shared.store.devices import EventEntry, EventLog, EventState, ParkedEvent, ParkedEvents
from shared.store.ports import Queue

log = logging.getLogger("scepter.devices")


@dataclass(frozen=True, slots=True)
class Parked:
    """`queue` is the one that events are handled from. Safe to be cut off anywhere and begun again."""

    store: ParkedEvents
    log: EventLog
    queue: Queue
    clock: Callable[[], datetime]

    def all(self, source: str | None = None) -> Iterator[ParkedEvent]:
        """What is parked, of one source or of all."""
        return self.store.all(source)

    def release(self, source: str | None, most: int) -> int:
        """Queue up to `most` parked events again, past the brake; returns how many."""
        count = 0
        for event in self._some(source, most):
            self.queue.send(json.loads(event.message) | {"released": True})
            self.store.remove(event)
            count += 1
        return count

    def discard(self, source: str | None, most: int, *, by: str) -> int:
        """Throw up to `most` parked events away; returns how many. What they asked for is not done."""
        count = 0
        for event in self._some(source, most):
            self.log.conclude(self._discarded(event, by))
            self.store.remove(event)
            log.warning("event %s of %s (%s) is discarded by %s", event.id, event.source, event.type, by)
            count += 1
        return count

    def _some(self, source: str | None, most: int) -> list[ParkedEvent]:
        return [event for event, _ in zip(self.store.all(source), range(most), strict=False)]

    def _discarded(self, event: ParkedEvent, by: str) -> EventEntry:
        now = self.clock()
        unknown = EventEntry(
            event.source, event.id, "", event.type, event.owner, now, now, EventState.DISCARDED
        )
        entry = self.log.begin(unknown) or unknown
        return replace(entry, state=EventState.DISCARDED, handled_at=now, note=f"discarded by {by}")
