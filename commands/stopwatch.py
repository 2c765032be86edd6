"""Timings of named steps, as a table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.table import Table


class Stopwatch:
    """`with watch("step"):` measures wall time; steps of one name are added up and counted."""

    def __init__(self) -> None:
        self._steps: dict[str, list[float]] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._steps.setdefault(step, []).append(time.perf_counter() - start)

    def table(self) -> Table:
        """A row a step: how often, and the mean in milliseconds."""
        table = Table(
            "step", "times", "mean ms", title="Timings, measured at the client", title_justify="left"
        )
        for step, seconds in self._steps.items():
            table.add_row(step, str(len(seconds)), f"{1000 * sum(seconds) / len(seconds):.1f}")
        return table
