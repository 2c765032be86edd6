"""Tables and JSON, in one way for every benchmark; progress goes to the error output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

Item = TypeVar("Item")
Row = Mapping[str, object]


def progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """`items` with a bar while they are worked through."""
    return track(items, description=what, transient=True, console=Console(stderr=True))


def say(text: str) -> None:
    """A line for whoever waits."""
    Console(stderr=True).print(text, highlight=False)


def report(rows: Sequence[Row], title: str, *, as_json: bool) -> None:
    """A table, or the rows in JSON."""
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(*(rows[0] if rows else ()), title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
