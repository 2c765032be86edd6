"""`manage.py event`: what became of device events, what one would do, and sending one by hand."""

from __future__ import annotations

import json as json_module
import os
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer

from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    local_values,
    show,
)
from shared.devices.signature import sign
from shared.errors import DependencyError, RequestError

cli = typer.Typer(no_args_is_help=True)

EventFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The event in JSON.", exists=True, dir_okay=False, readable=True),
]
COLUMNS = ("source", "id", "type", "owner", "state", "revoked", "held", "lifted", "note")


@cli.command("list")
def list_events(
    source: Annotated[str, typer.Option(help="Of this source only.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """What became of events."""
    query = {"limit": str(limit)} | ({"source": source} if source else {})
    found = Management(url, settings).call("GET", "/manage/events", **query)["events"]
    show(found, COLUMNS, as_json=json, title=f"{len(found)} events")


@cli.command()
def preview(
    file: EventFile, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False
) -> None:
    """What an event would do to which certificates; nothing is done."""
    answer = Management(url, settings).call(
        "POST", "/manage/events/preview", json_module.loads(file.read_text())
    )
    if json:
        console().print_json(data=answer)
        return
    counts = ", ".join(f"{answer[word]} {word}" for word in ("revoked", "held", "lifted"))
    show(
        answer["effects"],
        ("serial", "profile", "act", "reason", "finalAt"),
        as_json=False,
        title=f"Would be {counts}",
    )


@cli.command()
def send(
    file: EventFile,
    source: Annotated[str, typer.Option(help="As which source of the policy file.")] = "generic",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Send an event as a source does; its secret is SCEPTER_EVENT_SECRETS__<SOURCE> from the environment or the
    settings."""
    typer.echo(send_event(url, secret_of(source, local_values(settings)), source, file.read_bytes()))


def secret_of(source: str, values: dict[str, str]) -> str:
    """The first secret of a source."""
    name = f"SCEPTER_EVENT_SECRETS__{source.upper()}"
    secret = (os.environ.get(name) or values.get(name, "")).partition(",")[0].strip()
    if not secret:
        raise typer.BadParameter(f"set {name}")
    return secret


def send_event(url: str, secret: str, source: str, body: bytes) -> str:
    """`POST /events/{source}`, signed. Raises DependencyError, or RequestError with the server's own words."""
    identifier, now = os.urandom(12).hex(), int(time.time())
    headers = {
        "webhook-id": identifier,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(secret, identifier, now, body),
        "content-type": "application/json",
    }
    try:
        answer = httpx.post(
            f"{url}/events/{source}", content=body, headers=headers, timeout=30, trust_env=False
        )
    except httpx.TransportError as error:
        raise DependencyError(f"{url} does not answer: {error}; is it running? (make run)") from None
    if answer.status_code >= 300:
        raise RequestError(f"POST /events/{source}: {answer.status_code} {answer.text.strip()}")
    return answer.text.strip()
