"""The flight recorder: traces wait in memory, and a thread of its own writes them in batches.

No request ever waits for it: adding is appending to a list. While storage is away the newest are kept and the oldest
are dropped, and counted.
"""

from __future__ import annotations

import atexit
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Condition, Thread

from shared.errors import DependencyError, PKIError
from shared.record.preludes import Preludes
from shared.record.timeline import TransactionTimeline
from shared.store.traces import Trace, TraceStore

log = logging.getLogger("scepter.traces")

_BATCH = 200
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0  # seconds between attempts while storage is away


def utc_now() -> datetime:
    """The time now, with its fractions."""
    return datetime.now(UTC)


class Recorder:
    """Traces go in from any thread, and out to `store()` by one thread, which starts with the first trace.

    `capacity` traces wait at most; the thread writes every `period` seconds, or sooner when many wait. `close` when the
    worker ends; a process that forgets to is caught at its exit. Neither takes longer than a few seconds.
    """

    def __init__(
        self,
        store: Callable[[], TraceStore],
        *,
        capacity: int = 4000,
        period: float = 2.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store, self._capacity, self._period, self._now = store, capacity, period, now
        self._state = Condition()
        self._waiting: deque[Trace] = deque()
        self._writing = 0  # traces that the thread has taken and not settled yet
        self._thread: Thread | None = None
        self._hurried = self._closed = False
        self.preludes = Preludes()
        self.dropped = 0
        """Traces that were never written."""

    @contextmanager
    def transaction(self, *, profile: str, source: str, agent: str) -> Iterator[TransactionTimeline]:
        """The timeline of one exchange; what leaves the block is noted as its end, and passes."""
        timeline = TransactionTimeline(self._now(), profile=profile, source=source, agent=agent)
        timeline.preceded(self.preludes.take((source, agent, profile)))
        try:
            yield timeline
        except Exception as error:
            timeline.broken(error)
            raise
        finally:
            trace = timeline.finish()
            if trace is not None:
                self.add(trace)

    def add(self, trace: Trace) -> None:
        """Take a trace. Never waits and never raises."""
        with self._state:
            self._waiting.append(trace)
            self._shed()
            if self._thread is None and not self._closed:
                self._start()
            if len(self._waiting) in (1, _BATCH):
                self._state.notify_all()

    def flush(self, seconds: float) -> bool:
        """Have everything written that waits now; whether that was done within `seconds`."""
        with self._state:
            self._hurried = True
            self._state.notify_all()
            return self._state.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, one attempt, and stop the thread; give up after `seconds`."""
        with self._state:
            self._closed, thread = True, self._thread
            self._state.notify_all()
        if thread is not None:
            thread.join(seconds)
            atexit.unregister(self.close)
        if left := len(self._waiting) + self._writing:
            log.warning("%d traces were not written before the end", left)

    def _start(self) -> None:
        # A daemon: whatever storage does, it keeps no process from ending.
        self._thread = Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _run(self) -> None:
        pause = 0.0
        while True:
            batch, last = self._take(pause)
            away = bool(batch) and not self._write(batch)
            self._settle(batch if away else [])
            if last and (away or not self._waiting):
                return
            pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE) if away else 0.0

    def _take(self, pause: float) -> tuple[list[Trace], bool]:
        """The next batch, when it is time, and whether the end has come."""
        with self._state:
            self._state.wait_for(lambda: self._closed, pause)
            self._state.wait_for(lambda: self._closed or self._waiting)
            # Others follow soon after a first: a moment later they are one batch.
            self._state.wait_for(self._is_time, self._period)
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._writing = len(batch)
            return batch, self._closed

    def _is_time(self) -> bool:
        return self._closed or self._hurried or len(self._waiting) >= _BATCH

    def _write(self, batch: list[Trace]) -> bool:
        """Whether `batch` is settled: written, or such as will never be."""
        try:
            self._store().append(batch)
        except DependencyError as error:
            log.warning("%d traces wait: %s", len(batch), error.reason)
            return False
        except PKIError as error:
            self._lose(len(batch), error.reason)
        except Exception as error:
            log.exception("traces")
            self._lose(len(batch), type(error).__name__)
        return True

    def _settle(self, again: list[Trace]) -> None:
        with self._state:
            self._waiting.extendleft(reversed(again))
            self._writing = 0
            self._shed()
            self._hurried = self._hurried and bool(self._waiting) and not again
            self._state.notify_all()

    def _shed(self) -> None:
        over = len(self._waiting) - self._capacity
        for _ in range(over):
            self._waiting.popleft()
        self.dropped += max(over, 0)

    def _lose(self, count: int, reason: str) -> None:
        self.dropped += count
        log.error("%d traces are lost: %s", count, reason)
