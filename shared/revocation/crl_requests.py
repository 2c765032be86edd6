"""Asking for the next CRL through a queue, once for a burst and not once for each revocation.

A request names the moment up to which it speaks, a few seconds ahead, and becomes visible only after that moment: so it
covers what this worker changes until then, and further requests in the meantime would say nothing new.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from shared.store.ports import Queue

PUBLISH_DELAY: Final = 5
"""Seconds until a request is visible: a burst of revocations becomes one CRL."""
_SPEAKS_FOR: Final = timedelta(seconds=2)
# A change is written before it is asked for, and clocks tick in whole seconds. That those of two workers differ, the
# publisher allows for: a CRL covers what was asked for more than two seconds before it.
_MARGIN: Final = timedelta(seconds=1)


class CRLRequests:
    """The requests of one worker. Thread-safe."""

    def __init__(self, queue: Queue, clock: Callable[[], datetime]) -> None:
        self._queue, self._clock = queue, clock
        self._lock = Lock()
        self._covered: dict[str, datetime] = {}

    def ask(self, issuer: str) -> None:
        """See to it that a CRL of `issuer` is published after now. Raises StoreUnavailable."""
        now = self._clock()
        with self._lock:
            covered = self._covered.get(issuer)
        if covered is not None and now <= covered - _MARGIN:
            return
        until = now + _SPEAKS_FOR
        message = {"version": 1, "issuer": issuer, "changedAt": until.isoformat()}
        self._queue.send(message, delay=PUBLISH_DELAY)
        with self._lock:  # only now: a request that could not be sent covers nothing
            self._covered[issuer] = max(until, self._covered.get(issuer, until))
