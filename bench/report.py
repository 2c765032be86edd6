"""Tables and JSON, in one way for every benchmark; progress goes to the error output."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

Item = TypeVar("Item")
Row = Mapping[str, object]
_WIDTH = 132  # where there is no terminal, so that a log can be read


@dataclass
class Report:
    """What one benchmark found: `about` says in a sentence what was measured, `failures` what was too much."""

    name: str
    about: str
    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def limit(self, what: str, found: float, most: float) -> None:
        """A failure if `found` is over `most`."""
        if found > most:
            self.failures.append(f"{what} is {found:.2f}, at most {most}")


def best(samples: Sequence[float], *, highest: bool = False, of: int = 4) -> float:
    """The quartile that went best, or a smaller part `of` the samples: what else a machine does can only add."""
    return statistics.quantiles(samples, n=of)[-1 if highest else 0]


def progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """`items` with a bar while they are worked through."""
    return track(items, description=what, transient=True, console=Console(stderr=True))


def say(text: str) -> None:
    """A line for whoever waits."""
    Console(stderr=True).print(text, highlight=False)


def show(machine: Mapping[str, object], reports: Sequence[Report], *, as_json: bool) -> None:
    """Everything as one JSON document, or as tables."""
    if as_json:
        print(json.dumps({"machine": machine, "benchmarks": [vars(each) for each in reports]}))
        return
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)
    for each in reports:
        console.print(f"\n[bold]{each.name}[/]: {each.about}", highlight=False)
        table = Table()
        for column in each.rows[0] if each.rows else ():
            table.add_column(column, overflow="fold")
        for row in each.rows:
            table.add_row(*map(str, row.values()))
        console.print(table)
        for failure in each.failures:
            console.print(f"[red]too much:[/] {failure}", highlight=False)
