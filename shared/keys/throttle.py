"""A token bucket before a service that counts: first come, first served; halved when the service says no.

`limits`, which counts what strangers ask of us, has windows only: it cannot weigh operations, change its rate, or
tell how long the queue is. Here whoever cannot be served in time hears so at once, and keeps no thread waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

_RECOVERY_SECONDS: Final = 60.0  # from nothing to the full rate; from one halving, half of it
_SLOWEST: Final = 1 / 16
_BURST_SECONDS: Final = 0.5
_DUST: Final = 1e-9


class BudgetSpent(Exception):
    """There is no room before the asker's deadline; it would have had to wait `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A place in the queue: it is served once the bucket has been filled up to `mark` since the beginning."""

    mark: float
    cost: float


class Throttle:
    """`rate` is what may be spent in a second, in any unit; infinity means no limit. Thread-safe."""

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._full_rate, self._clock, self._sleep = rate, clock, sleep
        self._lock = Lock()
        self._factor = 1.0  # of the full rate, now
        self._filled = float("inf")  # since the beginning; the first to ask finds it full
        self._promised = 0.0  # to all who ever asked, less those who went away
        self._counted_at = clock()
        self._slowed_at = self._resumes_at = float("-inf")

    def take(self, cost: float, deadline: float) -> None:
        """Returns when `cost` may be spent. Raises BudgetSpent if that is after `deadline` (by the clock)."""
        ticket = self._promise(cost)
        while (seconds := self._left(ticket)) > 0:
            if self._clock() + seconds > deadline:
                self._forget(ticket)
                raise BudgetSpent(seconds)
            self._sleep(seconds)

    def slow_down(self, pause: float, *, asked_at: float) -> bool:
        """The service said no to a call made at `asked_at`: nothing for `pause` seconds, then half the rate.

        Calls that were on their way when it last said no change no rate. Returns whether it was halved.
        """
        with self._lock:
            now = self._count()
            self._resumes_at = max(self._resumes_at, now + pause)
            self._filled = min(self._filled, self._promised)
            if asked_at < self._slowed_at:
                return False
            self._slowed_at = now
            self._factor = max(self._factor / 2, _SLOWEST)
            return True

    @property
    def factor(self) -> float:
        """What of the full rate is spent at present."""
        with self._lock:
            self._count()
            return self._factor

    def _promise(self, cost: float) -> _Ticket:
        with self._lock:
            self._count()
            # What was not asked for is lost, but for a moment's worth, or the one thing that is asked for now.
            spare = max(_BURST_SECONDS * self._full_rate * self._factor, cost)
            self._filled = min(self._filled, self._promised + spare)
            self._promised += cost
            return _Ticket(self._promised, cost)

    def _left(self, ticket: _Ticket) -> float:
        with self._lock:
            now = self._count()
            missing = ticket.mark - self._filled
            pause = max(self._resumes_at - now, 0.0)
            if missing <= _DUST:
                return pause
            return pause + missing / (self._full_rate * self._factor)

    def _forget(self, ticket: _Ticket) -> None:
        with self._lock:
            self._filled += ticket.cost  # those behind move up

    def _count(self) -> float:
        """Fill up to now, which it returns; nothing is filled in during a pause."""
        now = self._clock()
        passed = now - max(self._counted_at, min(self._resumes_at, now))
        before, self._counted_at = self._factor, now
        if passed > 0:
            self._factor = min(1.0, before + passed / _RECOVERY_SECONDS)
            self._filled += passed * self._full_rate * (before + self._factor) / 2
        return now
