"""`manage.py cert revoke`: one certificate, all of a device or user, or what a CSV file lists."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show
from shared.errors import RequestError

_COLUMNS = ("serial", "thumbprint", "device", "user")
_RESULT = ("line", "serial", "subject", "status", "error")

Row = dict[str, object]


def revoke(
    serial: Annotated[str, typer.Argument(help="Of one certificate.")] = "",
    thumbprint: Annotated[str, typer.Option(help="Of one certificate: SHA-1 or SHA-256, hexadecimal.")] = "",
    device: Annotated[str, typer.Option(help="All certificates of a device, by its id.")] = "",
    user: Annotated[str, typer.Option(help="All certificates of a user, by the principal name.")] = "",
    file: Annotated[
        Path | None,
        typer.Option(help=f"CSV with a header; columns {', '.join(_COLUMNS)}, and reason.", exists=True),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="RFC 5280 reason; certificateHold can be lifted again.")
    ] = "unspecified",
    note: Annotated[str, typer.Option(help="For the record.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, and do nothing.")] = False,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Revoke or hold certificates; OCSP says so at once, the CRL within seconds. Exit code 1 if any failed."""
    given = {"serial": serial, "thumbprint": thumbprint, "device": device, "user": user}
    orders = _from_file(file) if file else [given]
    if file and any(given.values()):
        raise typer.BadParameter("give a file or one of the others")
    manage = Management(url, settings)
    usual = {"reason": reason, "note": note, "dryRun": dry_run}
    if file is None:
        _tell([row for order in orders for row in _revoke(manage, order, usual, 0)], as_json=json)
        return
    rows: list[Row] = []
    screen = console(stderr=True)
    bar = track(orders, "revoking", console=screen, disable=not screen.is_terminal, transient=True)
    for line, order in enumerate(bar, 2):
        try:
            rows += _revoke(manage, order, usual, line)
        except RequestError as error:
            rows.append(
                {"line": line, "serial": _named(order), "subject": "", "status": "", "error": error.reason}
            )
    failed = [row for row in rows if row["error"]]
    title = f"{len(rows) - len(failed)} {'would be revoked' if dry_run else 'done'}, {len(failed)} failed"
    show(rows, _RESULT, as_json=json, title=title)
    if failed:
        raise typer.Exit(1)


def _tell(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        show(rows, _RESULT, as_json=True, title="")
        return
    for row in rows:
        console().print(f"{row['serial']} is {row['status']}", highlight=False)


def _from_file(path: Path) -> Sequence[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        unknown = set(reader.fieldnames or ()) - {*_COLUMNS, "reason"}
        if unknown or not reader.fieldnames:
            known = ", ".join((*_COLUMNS, "reason"))
            raise typer.BadParameter(f"{path}: the first line has to name columns out of {known}")
        return [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]


def _revoke(manage: Management, given: dict[str, str], usual: dict[str, object], line: int) -> list[Row]:
    order: dict[str, object] = usual | {key: given[key] for key in ("serial", "thumbprint") if given.get(key)}
    owners = [f"{kind}:{given[kind]}" for kind in ("device", "user") if given.get(kind)]
    if owners:
        order["owner"] = " ".join(owners)  # two of them are refused, in the server's words
    if given.get("reason"):
        order["reason"] = given["reason"]
    found: list[dict[str, Any]] = manage.call("POST", "/manage/revocations", order)["certificates"]
    return [
        {
            "line": line,
            "serial": each["serial"],
            "subject": each["subject"],
            "status": each["status"],
            "error": "",
        }
        for each in found
    ]


def _named(order: dict[str, str]) -> str:
    return " ".join(order[column] for column in _COLUMNS if order.get(column))
