"""From one schema version of a row or message to the next: every step there ever was to take.

A program reads its own version and the one before (`columns.read`), so it may serve beside rows that are not migrated
yet, and beside the program before it. What is two versions old has to be migrated first.

To change what a kind holds: write the new version, read both, and add a step here. A step names what is added or
changed; what is no longer used stays or becomes empty, because a merge cannot remove a property. All rows of a table
count together here: the first kind to change of a table that has several takes the others along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """What makes version `since` + 1 of a row in table `place`, or of a message in queue `place`, out of `since`."""

    place: str
    since: int
    change: Change


def _successor_of_the_same_issuer(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 1 was written when there was one issuer."""
    return {"successor_issuer": row["issuer"]}


ROWS: Final[Sequence[Step]] = (Step("supersessions", 1, _successor_of_the_same_issuer),)
MESSAGES: Final[Sequence[Step]] = ()
"""By the queue's name without `-poison`. All messages have their first version."""


class Ladder:
    """Steps in their order. Raises ValueError if one is missing or there twice."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps: dict[str, list[Change]] = {}
        for step in sorted(steps, key=lambda step: step.since):
            rungs = self._steps.setdefault(step.place, [])
            if step.since != len(rungs) + 1:
                raise ValueError(f"{step.place}: a step from version {step.since} after {len(rungs)} steps")
            rungs.append(step.change)

    def current(self, place: str) -> int:
        """The version that this program writes."""
        return len(self._steps.get(place, ())) + 1

    def changes(self, place: str, old: Mapping[str, Any], version: int) -> dict[str, Any]:
        """What has to be written over `old`, which has `version`; the new version itself is not in it.

        Raises KeyError, TypeError or ValueError if it is not what its version says."""
        changed: dict[str, Any] = {}
        for change in self._steps.get(place, ())[version - 1 :]:
            changed |= change({**old, **changed})
        return changed
