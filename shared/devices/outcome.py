"""What became of an event, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.devices.plan import Effect
from shared.store.devices import EventEntry, EventState


@dataclass(frozen=True, slots=True)
class Outcome:
    """`revoked`, `held` and `lifted` count certificates; `later` has the moments of what is to be done yet; `note` is
    why something was left alone."""

    state: EventState
    revoked: int = 0
    held: int = 0
    lifted: int = 0
    later: tuple[datetime, ...] = ()
    note: str = ""

    @classmethod
    def of(cls, entry: EventEntry) -> Outcome:
        """What is on record of an event that came before."""
        return cls(entry.state, entry.revoked, entry.held, entry.lifted, note=entry.note)

    @classmethod
    def applied(cls, done: Iterable[str], *, later: tuple[datetime, ...], note: str) -> Outcome:
        """From what became of each certificate."""
        count = Counter(done)
        state = EventState.APPLIED if count.total() or later else EventState.IGNORED
        return cls(state, count["revoked"], count["held"], count["lifted"], later, note)

    @classmethod
    def planned(cls, effects: Iterable[Effect]) -> Outcome:
        """What effects would come to."""
        words = {"revoke": "revoked", "hold": "held", "lift": "lifted"}
        return cls.applied((words[effect.act] for effect in effects), later=(), note="")

    @property
    def changed(self) -> bool:
        """Whether any certificate changed its state."""
        return bool(self.revoked or self.held or self.lifted)

    def after(self, earlier: EventEntry | None) -> Outcome:
        """Together with what became of the event before."""
        if earlier is None:
            return self
        return replace(
            self,
            revoked=self.revoked + earlier.revoked,
            held=self.held + earlier.held,
            lifted=self.lifted + earlier.lifted,
        )

    def conclude(self, entry: EventEntry) -> EventEntry:
        """The entry of the event, with what became of it."""
        return replace(
            entry,
            state=self.state,
            revoked=self.revoked,
            held=self.held,
            lifted=self.lifted,
            note=self.note,
        )

    def __str__(self) -> str:
        counts = f"{self.revoked} revoked, {self.held} held, {self.lifted} lifted"
        return f"{self.state.value}; {counts}" + (f"; {self.note}" if self.note else "")
