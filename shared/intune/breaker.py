"""A service that does not answer is left alone for moments: who waits for it in vain holds a place that others need.

Only one request at a time then finds out whether it is back; the others are refused at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import IntuneUnavailable

_FAILURES: Final = 5
_PAUSE_SECONDS: Final = 2.0


class Breaker:
    """Opens after five failures in a row. `clock` gives seconds that only differences are taken of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0
        self._why = ""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """A call inside counts as failed if it raises IntuneUnavailable. Raises that at once while it is open."""
        self._enter()
        try:
            yield
        except IntuneUnavailable as error:
            self._failed(error.reason)
            raise
        with self._lock:
            self._failures = 0

    def _enter(self) -> None:
        with self._lock:
            if self._failures < _FAILURES:
                return
            now = self._clock()
            if now < self._next_try:
                raise IntuneUnavailable(f"not asked, since the last calls all failed: {self._why}")
            self._next_try = now + _PAUSE_SECONDS

    def _failed(self, why: str) -> None:
        with self._lock:
            self._why = why
            self._failures += 1
            self._next_try = self._clock() + _PAUSE_SECONDS
