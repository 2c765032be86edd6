"""One device under its several names: what an event names, and what earlier events taught of those names.

A GUID is one device's alone. A serial number may be anything ("To be filled by O.E.M."), so what is known under one is
followed only where an event names nothing better, and never where it stands for many.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Final

from shared.store.devices import DeviceFacts, DeviceStore, Standing

log = logging.getLogger("scepter.devices")

MOST_ALIASES: Final = 8
_GUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Names:
    """All owners that are one device or user, and what is known of each. `named` are those the event gives."""

    named: tuple[str, ...]
    facts: dict[str, DeviceFacts]

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(self.facts)

    @property
    def first(self) -> str:
        """The same one for every event of the device, as long as nothing new is learned of it."""
        return min(self.facts)

    def standing(self, source: str) -> Standing | None:
        """The newest standing with a source under any of the names."""
        found = [facts.standings[source] for facts in self.facts.values() if source in facts.standings]
        return max(found, key=lambda standing: standing.rank, default=None)


@dataclass(frozen=True, slots=True)
class NameFinder:
    """Follows aliases, and learns new ones from events that give several names."""

    store: DeviceStore

    def find(self, named: tuple[str, ...]) -> Names:
        """Everything that is known under the names of an event. Raises StoreUnavailable."""
        facts: dict[str, DeviceFacts] = {}
        strong = [owner for owner in named if is_unique(owner)]
        waiting = list(named)
        while waiting:
            owner = waiting.pop(0)
            if owner in facts:
                continue
            facts[owner] = self.store.facts(owner)
            if (
                owner in strong
                or (not strong and owner in named)
                or (owner not in named and is_unique(owner))
            ):
                waiting += self._aliases(owner, facts[owner])
        return Names(named, facts)

    def learn(self, names: Names) -> None:
        """Note that the names of an event are one device's. Raises StoreUnavailable."""
        for owner in names.named:
            known = names.facts[owner].aliases
            new = [other for other in names.named if other != owner and other not in known]
            if new and len(known) + len(new) > MOST_ALIASES:
                log.warning("%s has %d names already: nothing more is learned of it", owner, len(known))
                continue
            for other in new:
                self.store.learn(owner, other)

    def _aliases(self, owner: str, facts: DeviceFacts) -> tuple[str, ...]:
        if not is_unique(owner) and len(facts.aliases) > MOST_ALIASES // 2:
            log.warning("%s stands for %d devices: none of them is meant by it", owner, len(facts.aliases))
            return ()
        return facts.aliases


def is_unique(owner: str) -> bool:
    """Whether no two devices or users can have this name: a GUID or UDID, or a user's name."""
    kind, _, name = owner.partition(":")
    return kind == "user" or _GUID.fullmatch(name) is not None
