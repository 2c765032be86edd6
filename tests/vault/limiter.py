"""A vault's own limit: so many operations in any ten seconds, and 429 for what comes on top."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from threading import Lock


class Limiter:
    """A sliding window, the strictest reading of "so many in ten seconds". What is refused does not count."""

    def __init__(
        self, operations: int, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.operations, self.seconds, self._clock = operations, seconds, clock
        self.refused = 0
        self.served: list[float] = []
        self._window: deque[float] = deque()
        self._lock = Lock()

    def admit(self) -> int:
        """0, or after how many seconds there is room again."""
        with self._lock:
            now = self._clock()
            while self._window and self._window[0] <= now - self.seconds:
                self._window.popleft()
            if len(self._window) < self.operations:
                self._window.append(now)
                self.served.append(now)
                return 0
            self.refused += 1
            return max(1, math.ceil(self._window[0] + self.seconds - now))
