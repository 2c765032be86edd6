"""`python -m tests.fuzz`, or `make fuzz`: mutated messages by the million."""

from __future__ import annotations

import os
import secrets
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.blocks import MOST_GROWTH, Outcome, run
from tests.fuzz.targets import Finding


def main(
    count: Annotated[int, typer.Option(min=20, help="Messages in all.")] = 1_000_000,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    seed: Annotated[int | None, typer.Option(help="To do the same again; each run has its own.")] = None,
) -> None:
    """Feed mutated messages to the readers of messages, envelopes and requests, and to the endpoint.

    Fails at the first unexpected exception or answer, or if memory grows.
    """
    console, outcome, begun = Console(), Outcome(), time.monotonic()
    seed = secrets.randbits(32) if seed is None else seed
    console.print(f"{count} messages by {jobs} processes, seed {seed}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    watching = Console(stderr=True)
    try:
        with Progress(*columns, console=watching) as progress:
            bar = progress.add_task("messages", total=count)
            for block in run(count, seed, jobs):
                before = outcome.total * 20 // count
                outcome.add(block)
                progress.update(bar, completed=outcome.total)
                if not watching.is_terminal and outcome.total * 20 // count > before:
                    watching.print(f"{outcome.total} of {count}")  # a bar is only seen on a terminal
    except Finding as found:
        console.print(f"[red]found[/] after {outcome.total} messages: {found}", soft_wrap=True)
        sys.exit(1)
    console.print(_table(outcome))
    seconds = time.monotonic() - begun
    console.print(f"nothing found in {outcome.total} messages and {seconds:.0f} s")
    console.print(f"memory: {outcome.growth:+.1f} MiB since the first fifth, at most {MOST_GROWTH}")
    sys.exit(outcome.growth > MOST_GROWTH)


def _table(outcome: Outcome) -> Table:
    table = Table("target", "messages", "what became of them")
    for name, fates in sorted(outcome.fates.items()):
        told = ", ".join(f"{fate} {number}" for fate, number in fates.most_common())
        table.add_row(name, str(fates.total()), told)
    return table


if __name__ == "__main__":
    typer.run(main)
