"""`manage.py intune`: set a tenant up, see whether it is, and what is installed there."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from commands.intune_grant import grant
from commands.intune_profiles import profiles
from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    show,
    table_of,
)

cli = typer.Typer(no_args_is_help=True)
cli.command("profiles")(profiles)
cli.command("grant")(grant)

Integration = Annotated[str, typer.Option(help="Which tenant, by its name in the settings.")]
_SECONDS = 300
_COLUMNS = ("serial", "profile", "device", "user", "issuedAt", "state")


@cli.command()
def check(
    integration: Integration = "default",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Permissions, discovery, clocks, a dry validation, who gets the CA's certificates. Exit code 1 if one is wrong."""
    report = Management(url, settings, timeout=_SECONDS).call("POST", f"/manage/intune/{integration}/check")
    if json:
        console().print_json(data=report)
    else:
        table = table_of(("what", "", "found", "what to do"), f"Integration {integration}")
        for line in report["lines"]:
            mark = "[green]ok[/]" if line["ok"] else "[bold red]wrong[/]"
            table.add_row(escape(line["what"]), mark, escape(line["text"]), escape(line["remedy"]))
        console().print(table)
    if not report["ok"]:
        raise typer.Exit(1)


@cli.command()
def status(
    integration: Integration = "default",
    now: Annotated[
        bool, typer.Option("--now", help="Ask Intune now, not what the timer found last.")
    ] = False,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Certificates that were issued here and are not on their devices as far as Intune knows, and its connectors."""
    management = Management(url, settings, timeout=_SECONDS if now else 30)
    found = management.call("POST" if now else "GET", f"/manage/intune/{integration}/installations")
    if json:
        console().print_json(data=found)
        return
    if found.get("problem"):
        console().print(f"[bold red]not read:[/] {escape(found['problem'])}", highlight=False, soft_wrap=True)
    absent = found.get("list", [])
    title = (
        f"{found.get('absent', 0)} of {found.get('issued', 0)} not installed, looked at {found['at'][:16]}Z"
    )
    more = found.get("absent", 0) - len(absent)
    show(absent, _COLUMNS, as_json=False, title=title if more <= 0 else f"{title}; {more} more")
    connectors = found.get("connectors", [])
    if connectors:
        columns = ("name", "state", "lastConnection", "version")
        show(connectors, columns, as_json=False, title="Microsoft's certificate connectors")


@cli.command()
def accept(
    kind: Annotated[str, typer.Option(help="device or user: whose listing is right.")],
    integration: Integration = "default",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Believe a listing of the directory that has shrunk: the next look tells of what is gone."""
    order = {"integration": integration, "kind": kind}
    gone = Management(url, settings).call("POST", "/manage/intune/directory/acceptance", order)["gone"]
    console().print(f"The next look believes that {gone} are gone; their events still pass the brake.")
