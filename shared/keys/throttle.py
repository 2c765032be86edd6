"""A token bucket before a service that counts: first come, first served; halved when the service says no.

`limits`, which counts what strangers ask of us, has windows only: it cannot weigh operations, change its rate, or
tell how long the queue is. Here whoever cannot be served in time hears so at once, and keeps no thread waiting.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

_RECOVERY_SECONDS: Final = 10.0  # from nothing to the full rate; from one halving, half of it
_SLOWEST: Final = 1 / 16
_BURST_SECONDS: Final = 0.5
_MEMORY_SECONDS: Final = 10.0  # of those who were sent away
_DUST: Final = 1e-9


class BudgetSpent(Exception):
    """There is no room before the asker's deadline.

    There is in `seconds`, if those who were sent away of late come before him.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A place in the queue: it is served once the bucket has been filled up to `mark` since the beginning."""

    mark: float
    cost: float


class Throttle:
    """`rate` is what may be spent in a second, in any unit; infinity means no limit. Thread-safe.

    What is promised, passed and filled is counted since the beginning: a ticket's turn is when as much has been
    filled in as was promised up to it.
    """

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
        self._promised = self._passed = 0.0
        self._filled = math.inf  # whoever asks first finds it full
        self._largest = 0.0  # cost of all
        self._sent_away = 0.0  # lately
        self._counted_at = clock()
        self._slowed_at = self._resumes_at = -math.inf

    def take(self, cost: float, deadline: float) -> None:
        """Returns when `cost` may be spent. Raises BudgetSpent if that is after `deadline` (by the clock)."""
        ticket = self._promise(cost)
        while (seconds := self._left(ticket)) > 0:
            if self._clock() + seconds > deadline:
                raise BudgetSpent(seconds + self._send_away(ticket))
            self._sleep(seconds)

    def slow_down(self, pause: float, *, asked_at: float) -> bool:
        """The service said no to a call made at `asked_at`: nothing for `pause` seconds, then half the rate.

        Calls that were on their way when it last said no change no rate. Returns whether it was halved.
        """
        with self._lock:
            now = self._count()
            self._resumes_at = max(self._resumes_at, now + pause)
            self._filled = min(self._filled, self._passed)
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
            self._largest = max(self._largest, cost)
            self._promised += cost
            return _Ticket(self._promised, cost)

    def _left(self, ticket: _Ticket) -> float:
        """Seconds until the ticket's turn; 0 lets it pass."""
        with self._lock:
            now = self._count()
            missing = ticket.mark - self._filled
            pause = max(self._resumes_at - now, 0.0)
            if missing > _DUST:
                return pause + missing / (self._full_rate * self._factor)
            if not pause:
                self._passed += ticket.cost
            return pause

    def _send_away(self, ticket: _Ticket) -> float:
        """How long it takes to serve all who were sent away lately."""
        with self._lock:
            self._filled += ticket.cost  # those behind move up
            self._passed += ticket.cost
            ahead, self._sent_away = self._sent_away, self._sent_away + ticket.cost
            return ahead / self._full_rate

    def _count(self) -> float:
        """Fill up to now, which it returns; nothing is filled in during a pause.

        What is not taken when its time comes is lost, but for a moment's worth: a process that was held up, or had
        nothing to do, would else spend in one moment what it saved in many.
        """
        now = self._clock()
        passed = now - max(self._counted_at, min(self._resumes_at, now))
        self._sent_away *= math.exp(-(now - self._counted_at) / _MEMORY_SECONDS)
        before, self._counted_at = self._factor, now
        if passed > 0:
            self._factor = min(1.0, before + passed / _RECOVERY_SECONDS)
            self._filled += passed * self._full_rate * (before + self._factor) / 2
        spare = max(_BURST_SECONDS * self._full_rate * self._factor, self._largest)
        self._filled = min(self._filled, self._passed + spare)
        return now
