"""An end to all waiting: what one piece of work may take of the clock, whatever it does meanwhile.

A device on the line hangs up and comes again. Tokens, discovery, the call itself and its retries are all on the
thread of the request, so the deadline is the thread's, and the transport below all of them keeps it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_UNLIMITED: Final = 3600.0
_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything inside ends after `seconds`, or earlier if there is a deadline around it."""
    outer: float | None = getattr(_thread, "deadline", None)
    deadline = time.monotonic() + seconds
    _thread.deadline = deadline if outer is None else min(deadline, outer)
    try:
        yield
    finally:
        _thread.deadline = outer


def remaining() -> float:
    """Seconds that are left; never below zero."""
    deadline: float | None = getattr(_thread, "deadline", None)
    return _UNLIMITED if deadline is None else max(deadline - time.monotonic(), 0.0)
