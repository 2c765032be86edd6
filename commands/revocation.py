"""`manage.py revocation`: what the brake holds back, and holds that were a mistake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

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
parked = typer.Typer(no_args_is_help=True, help="Events above their source's limit: list, release, discard.")
cli.add_typer(parked, name="parked")

Source = Annotated[str, typer.Option(help="Of this source only.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@parked.command("list")
def list_parked(
    source: Source = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """What waits for a decision."""
    query = {"limit": str(limit)} | ({"source": source} if source else {})
    found = Management(url, settings).call("GET", "/manage/parked", **query)["events"]
    show(
        found,
        ("source", "id", "type", "owner", "parkedAt"),
        as_json=json,
        title=f"{len(found)} parked events",
    )


@parked.command()
def release(
    source: Source = "", yes: Yes = False, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS
) -> None:
    """Let parked events through: what they say is done after all."""
    _decide(Management(url, settings), "release", source, yes=yes)


@parked.command()
def discard(
    source: Source = "", yes: Yes = False, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS
) -> None:
    """Throw parked events away: what they say is not done."""
    _decide(Management(url, settings), "discard", source, yes=yes)


@cli.command()
def undo(
    source: Annotated[str, typer.Option(help="Whose events placed the holds.")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"], help="UTC.")],
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Lift what events of a source hold since then. What they revoked stays revoked."""
    manage, moment = Management(url, settings), since.replace(tzinfo=UTC).isoformat()
    if not yes and not json:
        typer.confirm(f"Lift every hold that {source} placed since {moment}?", abort=True)
    serials: list[str] = []

    def more() -> int:
        lifted = manage.call("POST", "/manage/holds/undo", {"source": source, "since": moment, "most": 50})
        serials.extend(lifted["serials"])
        return len(lifted["serials"])

    counting("lifting", more)
    if json:
        console().print_json(data={"serials": serials})
    else:
        console().print(f"{len(serials)} certificates are good again")


def _decide(manage: Management, action: str, source: str, *, yes: bool) -> None:
    of = {"source": source} if source else {}
    waiting: list[Any] = manage.call("GET", "/manage/parked", limit="1000", **of)["events"]
    if not waiting:
        console().print("Nothing is parked.")
        return
    if not yes:
        many = f"{len(waiting)}{' or more' if len(waiting) == 1000 else ''}"
        typer.confirm(
            f"{action.capitalize()} {many} parked events{f' of {source}' if source else ''}?", abort=True
        )

    def more() -> int:
        answer = manage.call("POST", "/manage/parked", {"action": action, "most": 50} | of)
        return int(answer["count"])

    count = counting(action, more, total=len(waiting))
    console().print(f"{count} events {'are on their way' if action == 'release' else 'are discarded'}")
