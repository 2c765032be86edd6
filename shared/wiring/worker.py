"""The whole application of a worker, made once. The only place that reads the environment."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from shared import config
from shared.config import Settings
from shared.record.recorder import Recorder
from shared.wiring.answering import Answering
from shared.wiring.enrolling import Enrolling
from shared.wiring.imported import Imported
from shared.wiring.operations import Operations

_MOST_PURGED = 20_000
"""Rows in one run of the timer: seconds, where the platform allows minutes."""


def utc_now() -> datetime:
    """The time now: aware, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


class Application(Enrolling, Imported, Operations, Answering):
    """Everything a trigger may call. Parts are built on first use; building one twice in a race is harmless."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(settings, environment, clock)
        self.recorder = Recorder(lambda: self.traces) if settings.trace_days else None

    def purge_traces(self) -> int:
        """Delete traces that are past their time, some of them; returns how many."""
        before = self.clock().date() - timedelta(days=self.settings.trace_days)
        return self.traces.purge(before, _MOST_PURGED)

    def close(self) -> None:
        """The worker ends: begin nothing new, and write down what waits for that."""
        for threads in (self.scep_threads, self.ocsp_threads):
            threads.shutdown(wait=False, cancel_futures=True)
        if self.recorder is not None:
            self.recorder.close()
        self.close_intune()


_lock = threading.Lock()
_application: Application | None = None


def application() -> Application:
    """The application of this worker. Raises SettingsError naming every wrong setting."""
    global _application
    with _lock:
        if _application is None:
            _application = Application(config.load(os.environ), os.environ)
        return _application


def close() -> None:
    """What a host that can tell calls before the worker ends; elsewhere the exit of the process does it."""
    with _lock:
        instance = _application
    if instance is not None:
        instance.close()


def use(instance: Application | None) -> None:
    """Put `instance` in place of the worker's own (tests); None forgets it."""
    global _application
    with _lock:
        _application = instance
