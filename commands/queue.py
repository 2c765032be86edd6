"""`manage.py queue`: messages that could not be handled."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    counting,
    show,
)

cli = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="As `queue list` shows it.")]


@cli.command("list")
def list_queues(
    url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False
) -> None:
    """Each queue, and how many of its messages could not be handled."""
    rows = Management(url, settings).call("GET", "/manage/queues")["queues"]
    show(rows, ("name", "poison"), as_json=json, title="Queues")


@cli.command()
def peek(
    name: Name, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False
) -> None:
    """Some of the messages that could not be handled, and why; they stay where they are."""
    rows = Management(url, settings).call("GET", f"/manage/queues/{name}/poison")["messages"]
    show(rows, ("reason", "message"), as_json=json, title=f"{name}: {len(rows)} messages")


@cli.command()
def redrive(
    name: Name, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False
) -> None:
    """Send the messages that could not be handled to their queue again."""
    manage, stuck = Management(url, settings), 0
    waiting = {each["name"]: each["poison"] for each in manage.call("GET", "/manage/queues")["queues"]}
    left = int(
        waiting.get(name, 1)
    )  # and no more: what fails again comes back here, and would go round for ever

    def more() -> int:
        nonlocal stuck, left
        driven = (
            manage.call("POST", f"/manage/queues/{name}/redrive", {"most": min(left, 32)}) if left else None
        )
        if driven is None:
            return 0
        stuck += driven["stuck"]
        left = max(0, left - driven["moved"] - driven["stuck"])
        return int(driven["moved"])

    moved = counting("redriving", more, total=left)
    if json:
        console().print_json(data={"moved": moved, "stuck": stuck})
        return
    console().print(f"{moved} messages are on {name} again")
    if stuck:
        console().print(f"[bold]{stuck} are no longer whole and stay: manage.py queue peek {name}[/]")
