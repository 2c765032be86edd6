"""How many enrolments one worker carries at the same time: what comes on top is told to come again, at once.

Clients that are refused keep their certificate and try later; clients that wait in vain do so too, but hold a
thread and a connection until then, and the work done for them is thrown away.
"""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from threading import BoundedSemaphore

from shared.errors import Overloaded

_SHORTEST_PAUSE, _LONGEST_PAUSE = 5, 15  # seconds


class Admission:
    """`places` enrolments at a time, or what else `kind` is; `random()` in [0, 1) spreads those who come again.

    Thread-safe.
    """

    def __init__(
        self, places: int, random: Callable[[], float] = randomness.random, kind: str = "enrolments"
    ) -> None:
        self.places, self._kind = places, kind
        self._free, self._random = BoundedSemaphore(places), random

    def enter(self) -> None:
        """Take a place; whoever does has to `leave`. Never waits. Raises Overloaded when none is free."""
        if not self._free.acquire(blocking=False):
            pause = _SHORTEST_PAUSE + int(self._random() * (_LONGEST_PAUSE - _SHORTEST_PAUSE + 1))
            raise Overloaded(f"all {self.places} places for {self._kind} are taken", retry_after=pause)

    def leave(self) -> None:
        """Give the place back."""
        self._free.release()
