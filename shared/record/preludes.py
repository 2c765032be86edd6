"""What came before a transaction: GetCACaps and GetCACert name none, so they are kept for minutes, by who asked, until
one follows. In memory, of this worker alone, and a guess where devices share an address and a program."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from shared.store.traces import Step

_SECONDS: Final = 600.0
_MOST_ASKERS: Final = 2000
_MOST_STEPS: Final = 6

Asker = tuple[str, str, str]


class Preludes:
    """Thread-safe. An asker is an address, a program and a profile."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = Lock()
        self._known: OrderedDict[Asker, tuple[float, tuple[Step, ...]]] = OrderedDict()

    @contextmanager
    def step(self, asker: Asker, name: str) -> Iterator[None]:
        """Note how long it takes, and how it ends."""
        begun, outcome = self._clock(), "ok"
        try:
            yield
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            ended = self._clock()
            self._add(asker, Step(name, round((ended - begun) * 1000, 3), outcome), ended)

    def take(self, asker: Asker) -> tuple[Step, ...]:
        """The steps of an asker, once."""
        with self._lock:
            at, steps = self._known.pop(asker, (0.0, ()))
        return steps if self._clock() - at < _SECONDS else ()

    def _add(self, asker: Asker, step: Step, now: float) -> None:
        with self._lock:
            at, before = self._known.pop(asker, (now, ()))
            kept = before if now - at < _SECONDS else ()
            self._known[asker] = (now, (*kept, step)[-_MOST_STEPS:])
            if len(self._known) > _MOST_ASKERS:
                self._known.popitem(last=False)
