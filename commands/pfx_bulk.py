"""`manage.py pfx import-folder` and `import-graph`: many PFX files, each row with its own outcome.

Run again after an interruption: what is there already is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import track

from commands.pfx_destination import Connector, Destination, Scepter
from commands.pfx_import import (
    GRAPH_URL,
    ConnectorKey,
    Graph,
    GraphUrl,
    KeyName,
    Password,
    Provider,
    Utf8,
    destination,
)
from commands.pfx_parcel import Wanted, prepare
from commands.pfx_rows import COLUMNS, REPORT, Row, inside, read_rows, written
from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    ServerAway,
    SettingsFile,
    Url,
    console,
    show,
)
from shared.errors import DependencyError, PKIError, PolicyViolation, RequestError
from shared.pfx.graph_format import read_certificates, read_order
from shared.pfx.parcel_order import ParcelOrder, too_large
from shared.store.parcels import Purpose

T = TypeVar("T")
Prepared = tuple[ParcelOrder, list[str]]
Report = Annotated[
    Path | None,
    typer.Option(help="CSV with the outcome of each row, written as it goes; replaced if it exists."),
]


def import_folder(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the files are.", exists=True, file_okay=False)
    ],
    table: Annotated[
        Path,
        typer.Option(
            "--csv", exists=True, dir_okay=False, help=f"With a header; columns out of {', '.join(COLUMNS)}."
        ),
    ],
    report: Report = None,
    purpose: Annotated[Purpose | None, typer.Option(help="Of rows that name none.")] = None,
    password: Password = None,
    utf8_password: Utf8 = False,
    graph: Graph = False,
    connector_key: ConnectorKey = None,
    provider: Provider = "",
    key_name: KeyName = "",
    graph_url: GraphUrl = GRAPH_URL,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Import what a CSV file lists. Exit code 1 if any row failed."""
    rows = read_rows(table)
    connector = Connector(connector_key, provider, key_name)
    to = destination(connector, graph_url, Management(url, settings), graph=graph, utf8=utf8_password)
    now = datetime.now(UTC)

    def one(row: dict[str, str]) -> Prepared:
        named = row.get("purpose") or (purpose.value if purpose else "")
        if named not in list(Purpose):
            raise RequestError(f"purpose {named!r} is none of {', '.join(Purpose)}")
        wanted = Wanted(
            file=inside(folder, row.get("file", "")),
            user=row.get("user", ""),
            purpose=Purpose(named),
            password=row.get("password") or password or "",
            mail=row.get("mail", ""),
            thumbprint=row.get("thumbprint", ""),
            utf8_password=utf8_password,
        )
        return prepare(wanted, to.key, to.largest, now)

    _run(to, rows, one, report, as_json=json)


def import_graph(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="JSON of userPFXCertificate objects.", exists=True, dir_okay=False
        ),
    ],
    report: Report = None,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Import what was made for Intune with Scepter's import key (`pfx key`). Exit code 1 if any object failed."""
    documents = read_certificates(file.read_text("utf-8-sig"))
    to = Scepter(Management(url, settings))

    def one(document: dict[str, Any]) -> Prepared:
        order = read_order(document)
        if len(order.pfx) > to.largest:
            raise too_large(len(order.pfx), to.largest)
        return order, []

    _run(to, documents, one, report, as_json=json, first_line=1)


def _run(
    to: Destination,
    rows: Sequence[T],
    prepared: Callable[[T], Prepared],
    report: Path | None,
    *,
    as_json: bool,
    first_line: int = 2,
) -> None:
    outcomes: list[Row] = []
    stopped: PKIError | None = None
    screen = console(stderr=True)
    bar = track(rows, "importing", console=screen, disable=not screen.is_terminal, transient=True)
    with written(report) as write:
        try:
            for line, row in enumerate(bar, first_line):
                outcomes.append({"line": line} | _named(row) | _outcome(to, row, prepared))
                write(outcomes[-1])
        except (DependencyError, ServerAway) as error:
            stopped = error
    failed = sum(row["status"] == "failed" for row in outcomes)
    done = sum(row["status"] == "imported" for row in outcomes)
    title = f"{done} imported, {len(outcomes) - done - failed} were there already, {failed} failed"
    show(outcomes, REPORT, as_json=as_json, title=title)
    if stopped is not None:
        told = f"stopped after {len(outcomes)} of {len(rows)}: {stopped}; run it again to go on"
        raise DependencyError(told) from None
    if failed:
        raise typer.Exit(1)


def _outcome(to: Destination, row: T, prepared: Callable[[T], Prepared]) -> Row:
    try:
        order, warnings = prepared(row)
        known = to.known(order.user).get(order.thumbprint)
        if known not in (None, "", order.purpose.value):
            raise PolicyViolation(f"it is imported already, for {known}; delete it first")
        there = known is not None or to.send(order)
    except ServerAway:
        raise
    except RequestError as error:
        return {"status": "failed", "note": error.reason}
    status = "there already" if there else "imported"
    told: Row = {"user": order.user, "purpose": order.purpose.value, "thumbprint": order.thumbprint}
    return told | {"status": status, "note": "; ".join(warnings)}


def _named(row: object) -> Row:
    """What a row is known by where it fails before anything is known of it."""
    given = row if isinstance(row, dict) else {}
    user = given.get("user") or given.get("userPrincipalName") or given.get("UserPrincipalName") or ""
    return {"file": given.get("file", ""), "user": user, "purpose": "", "thumbprint": ""}
