"""What every command shares: the connection to the management API, tables beside --json, and the console."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

from shared.errors import DependencyError, RequestError

Url = Annotated[str, typer.Option("--url", envvar="SCEPTER_URL", help="Base URL of the function app.")]
SettingsFile = Annotated[Path, typer.Option("--settings", help="Where the local management key is.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]

DEFAULT_URL = "http://127.0.0.1:7071"
DEFAULT_SETTINGS = Path("local.settings.json")


@lru_cache
def console(*, stderr: bool = False) -> Console:
    """The console that all commands print on."""
    return Console(stderr=stderr)


def local_values(path: Path) -> dict[str, str]:
    """The "Values" of a local.settings.json; empty if there is none."""
    if not path.exists():
        return {}
    values: dict[str, str] = json.loads(path.read_text(encoding="utf-8")).get("Values", {})
    return values


class ServerAway(RequestError):
    """The server, or what it leans on, cannot serve now; the same call may succeed later."""


def credentials(url: str, settings: Path) -> dict[str, str]:
    """The header that says who asks. With SCEPTER_CLIENT_ID, the app registration's id, a token for it, which never
    travels over http. Raises RequestError, DependencyError."""
    client_id = os.environ.get("SCEPTER_CLIENT_ID", "")
    if not client_id:
        key = os.environ.get("SCEPTER_MANAGEMENT_KEY") or local_values(settings).get(
            "SCEPTER_MANAGEMENT_KEY", ""
        )
        return {"x-scepter-key": key}
    if not url.startswith("https://"):
        raise RequestError(f"{url}: a token is sent over https only")
    return {"Authorization": f"Bearer {_token(client_id)}"}


def _token(client_id: str) -> str:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    try:
        with DefaultAzureCredential() as credential:
            return credential.get_token(f"api://{client_id}/.default").token
    except ClientAuthenticationError as error:
        raise DependencyError(
            f"no token for {client_id}: {error.message.splitlines()[0]}; az login?"
        ) from None


class Management:
    """The management API of a function app (docs/management-api.md): by the key of the embedded host, or in Azure by
    a token of whoever is logged in."""

    def __init__(self, url: str, settings: Path, *, timeout: float = 30) -> None:
        self._client = httpx.Client(
            base_url=url, headers=credentials(url, settings), timeout=timeout, trust_env=False
        )

    def __enter__(self) -> Management:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer. Raises DependencyError when nobody answers, RequestError with the server's own words."""
        try:
            answer = self._client.request(method, path, json=body, params=query)
        except httpx.TransportError as error:
            raise DependencyError(
                f"{self._client.base_url} does not answer: {error}; is it running? (make run)"
            ) from None
        if answer.status_code >= 400:
            kind = ServerAway if answer.status_code in (429, 502, 503, 504) else RequestError
            raise kind(f"{method} {path}: {answer.status_code} {answer.text.strip()}")
        return answer.json()


def counting(what: str, more: Callable[[], int], total: int | None = None) -> int:
    """Call `more` until it did nothing, with a bar; returns how many it did altogether."""
    done = 0
    screen = console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        while count := more():
            done += count
            progress.update(task, completed=done)
    return done


def table_of(columns: Sequence[str], title: str) -> Table:
    """An empty table whose values fold in a narrow terminal; nothing is cut off, and an id is never broken."""
    heads = (Column(name, overflow="fold", no_wrap=name == "id") for name in columns)
    return Table(*heads, title=title, title_justify="left")


def show(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, title: str) -> None:
    """A table of `columns`, or all of `rows` as JSON."""
    if as_json:
        console().print_json(json.dumps(rows, default=str))
        return
    table = table_of(columns, title)
    for row in rows:
        table.add_row(*(escape(str(row.get(column, ""))) for column in columns))
    console().print(table)
