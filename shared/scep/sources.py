"""How often one source address may enrol: a sliding window for each, and an end to how many are remembered.

The counting is that of `limits`, over a store of our own: the library's memory store starts a thread and looks through
all it holds with nearly every hit, and holds as much as strangers like.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

from limits import parse
from limits.storage.base import SlidingWindowCounterSupport, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from shared.errors import RateExceeded

MOST_SOURCES = 10_000
_SUBSCRIBER = 64  # bits of an IPv6 address that say whose network it is; the rest its owner may choose


class SourceRate:
    """`rate` as in "120/minute", for each source; `clock` gives Unix time. Counted per worker. Thread-safe."""

    def __init__(
        self, rate: str, *, most: int = MOST_SOURCES, clock: Callable[[], float] = time.time
    ) -> None:
        self._rate, self._item, self._clock = rate, parse(rate), clock
        self._windows = RecentWindows(most, clock)
        self._limiter = SlidingWindowCounterRateLimiter(self._windows)

    def count(self, source: str) -> None:
        """One request of `source` (an address, or any text). Raises RateExceeded; a refused one does not count."""
        name = network_of(source)
        if not self._limiter.hit(self._item, name):
            wait = self._windows.next_free(
                self._item.key_for(name), self._item.amount, self._item.get_expiry()
            )
            raise RateExceeded(f"source {name}: more than {self._rate}", retry_after=max(0, int(wait)) + 1)

    def __len__(self) -> int:
        """How many sources are remembered."""
        return len(self._windows)


def network_of(source: str) -> str:
    """Who a source is to a limit: an IPv4 address, the /64 network of an IPv6 one; other text as it is."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, _SUBSCRIBER), strict=False))
    return str(address)


@dataclass(slots=True)
class _Window:
    number: int  # of the current window, counted from the epoch
    current: int = 0
    previous: int = 0


class RecentWindows(Storage, SlidingWindowCounterSupport):
    """Storage for `limits` of at most `most` keys; the one that was asked for longest ago makes room."""

    STORAGE_SCHEME = None

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        super().__init__()
        self._most, self._clock, self._lock = most, clock, Lock()
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if the weighted count stays within `limit`."""
        with self._lock:
            window, elapsed = self._window(key, expiry)
            if window.previous * (1 - elapsed) + window.current + amount > limit:
                return False
            window.current += amount
            return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Counts and remaining seconds of the previous window and of the current one."""
        with self._lock:
            window, elapsed = self._window(key, expiry)
            left = (1 - elapsed) * expiry
            return window.previous, left, window.current, left + expiry

    def next_free(self, key: str, limit: int, expiry: int) -> float:
        """Seconds until one more fits, if nothing else is counted meanwhile."""
        previous, left, current, _ = self.get_sliding_window(key, expiry)
        if previous and current + 1 <= limit:
            # previous * x / expiry + current + 1 = limit, with x seconds of the window left
            return left - (limit - current - 1) * expiry / previous
        # Only in the next window, where today's current count is the previous one.
        return left + expiry - (limit - 1) * expiry / max(current, 1)

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget the key."""
        self.clear(key)

    def _window(self, key: str, expiry: int) -> tuple[_Window, float]:
        """The windows of `key` as of now, and how much of the current one is over, in [0, 1)."""
        number, elapsed = divmod(self._clock() / expiry, 1)
        window = self._windows.setdefault(key, _Window(int(number)))
        self._windows.move_to_end(key)
        passed = int(number) - window.number
        if passed:
            window.previous = window.current if passed == 1 else 0
            window.number, window.current = int(number), 0
        while len(self._windows) > self._most:
            self._windows.popitem(last=False)
        return window, elapsed

    def __len__(self) -> int:
        return len(self._windows)

    # What Storage also asks for, and sliding windows never use.

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)
