"""`manage.py trace`: what happened to a transaction, step by step, and what would change it."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console
from shared.errors import UnknownCertificate
from shared.record.bundle import bundle as redacted

_COLOURS = {"SUCCESS": "green", "PENDING": "yellow"}


def trace(
    transaction: Annotated[str, typer.Argument(metavar="[ID]", help="The transaction's id.")] = "",
    device: Annotated[str, typer.Option(help="Instead: the id of a device.")] = "",
    serial: Annotated[str, typer.Option(help="Instead: the serial of a certificate.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Write a file for whoever helps, without names and addresses."),
    ] = None,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """What happened, the newest first: each step with its time, the end, its cause and what would change it."""
    query = {
        key: value for key, value in (("id", transaction), ("device", device), ("serial", serial)) if value
    }
    if len(query) != 1:
        raise typer.BadParameter("give a transaction's id, or one of --device and --serial")
    found = Management(url, settings).call("GET", "/manage/traces", limit=str(limit), **query)["traces"]
    if bundle is not None:
        bundle.write_text(jsonlib.dumps(redacted(found), indent=2) + "\n", encoding="utf-8")
        console().print(f"{len(found)} traces without names and addresses: {bundle}")
    elif json:
        console().print_json(data=found)
    elif not found:
        raise UnknownCertificate("no trace of that: not seen, past its days, or not written yet (seconds)")
    else:
        for each in found:
            _print(each)


def _print(found: dict[str, Any]) -> None:
    """One trace: a headline, its circumstances, its steps, and why it ended as it did."""
    status = found["status"]
    head = f"[{_COLOURS.get(status, 'red')}]{escape(status)}[/] {escape(found['failInfo'])}".rstrip()
    _line(f"{head}  {escape(found['operation'])} at {found['at']}, {found['milliseconds']:.1f} ms")
    for name in ("transaction", "profile", "subject", "device", "user", "serial", "source", "agent"):
        if found[name]:
            _line(f"  {name:<12} {escape(found[name])}")
    for step in found["steps"]:
        outcome = "" if step["outcome"] == "ok" else f"[red]{escape(step['outcome'])}[/]"
        _line(f"  [dim]{step['milliseconds']:>9.1f} ms[/] {escape(step['name'])} {outcome}".rstrip())
    for name, what in (("cause", found["cause"] or found["error"]), ("change", found["remedy"])):
        if what:
            _line(f"  [bold]{name:<12}[/] {escape(what)}")
    _line("")


def _line(text: str) -> None:
    console().print(text, highlight=False, soft_wrap=True)
