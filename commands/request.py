"""`manage.py request`: enrolments that wait for an administrator."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show

cli = typer.Typer(no_args_is_help=True)

COLUMNS = ("id", "names", "vouched by", "ends")

Note = Annotated[str, typer.Option(help="For the record.")]
Identifier = Annotated[str, typer.Argument(metavar="ID", help="As `request list` shows it.")]


@cli.command("list")
def list_requests(
    profile: Annotated[str, typer.Option(help="Of this profile only.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Decided ones, too.")] = False,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """What waits for a decision; with --all also what was decided and is still on record."""
    query = {} if everything else {"state": "pending"}
    query |= {"profile": profile} if profile else {}
    found = Management(url, settings).call("GET", "/manage/requests", **query)["requests"]
    rows = found if json else [row(request) for request in found]
    columns = ("state", *COLUMNS) if everything else COLUMNS
    show(rows, columns, as_json=json, title=f"{len(found)} requests")


@cli.command()
def approve(
    identifier: Identifier,
    note: Note = "",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Let a request be issued: its device gets the certificate when it asks next."""
    _decide(Management(url, settings), identifier, "approve", note, as_json=json)


@cli.command()
def deny(
    identifier: Identifier,
    note: Note = "",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Refuse a request: its device is told when it asks next."""
    _decide(Management(url, settings), identifier, "deny", note, as_json=json)


def _decide(manage: Management, identifier: str, decision: str, note: str, *, as_json: bool) -> None:
    path = f"/manage/requests/{quote(identifier, safe='')}"
    request = manage.call("PUT", path, {"decision": decision, "note": note})
    if as_json:
        show([request], COLUMNS, as_json=True, title="")
        return
    who = escape(request["verdict"]["by"])
    console().print(f"{identifier} is {request['state']} by {who}", highlight=False, soft_wrap=True)
    if decision == "deny" and request["serial"]:
        late = f"It was issued before: python manage.py cert revoke {request['serial']}"
        console().print(f"[bold red]{late}[/]", highlight=False, soft_wrap=True)


def row(request: dict[str, Any]) -> dict[str, object]:
    """A request as a row of the table."""
    return {
        "id": request["id"],
        "state": request["state"],
        "names": "\n".join([request["subject"], *request["sans"]]),
        "vouched by": request["vouchedBy"],
        "ends": request["endsAt"][:10],
    }
