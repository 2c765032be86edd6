"""`manage.py pfx`: PFX files that were made elsewhere, for Scepter to deliver to their users' devices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from commands.pfx_bulk import import_folder, import_graph
from commands.pfx_import import import_one
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
from shared.errors import UnknownCertificate
from shared.pfx.import_key_folder import SoftwareImportKeys

cli = typer.Typer(no_args_is_help=True)
cli.command("import")(import_one)
cli.command("import-folder")(import_folder)
cli.command("import-graph")(import_graph)

COLUMNS = ("user", "thumbprint", "purpose", "ends", "key version", "failure")
REQUESTS = ("caller", "id", "state", "user", "device", "certificates", "failure")

User = Annotated[str, typer.Option(help="The user's principal name.")]
Thumbprint = Annotated[str, typer.Argument(metavar="THUMBPRINT", help="As `pfx list` shows it.")]


@cli.command("list")
def list_parcels(
    user: Annotated[str, typer.Option(help="Of this user only.")] = "",
    failing: Annotated[bool, typer.Option("--failing", help="Those that could not be delivered.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """What is imported."""
    query = {"limit": str(limit)} | ({"user": user} if user else {}) | ({"failing": "1"} if failing else {})
    found = Management(url, settings).call("GET", "/manage/parcels", **query)["parcels"]
    rows = found if json else [_row(parcel) for parcel in found]
    show(rows, COLUMNS, as_json=json, title=f"{len(found)} parcels")


@cli.command("show")
def show_parcel(
    thumbprint: Thumbprint,
    user: User,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """One parcel, with all that is on record of it but the PFX and its password."""
    query = {"user": user, "thumbprint": thumbprint}
    found = Management(url, settings).call("GET", "/manage/parcels", **query)["parcels"]
    if not found:
        raise UnknownCertificate(f"nothing with thumbprint {thumbprint} is imported for {user}")
    rows = found if json else [{"field": name, "value": value} for name, value in found[0].items()]
    show(rows, ("field", "value"), as_json=json, title=thumbprint)


@cli.command()
def delete(
    thumbprint: Thumbprint, user: User, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS
) -> None:
    """Forget a parcel and its PFX. What was delivered stays delivered."""
    query = {"user": user, "thumbprint": thumbprint}
    found = Management(url, settings).call("DELETE", "/manage/parcels", **query)
    console().print(f"{found['thumbprint']} of {found['user']}: deleted", highlight=False)


@cli.command()
def key(
    out: Annotated[Path | None, typer.Option(help="Write the current public key there, in PEM.")] = None,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """The import keys, and how many parcels are sealed to each; a key without any may go."""
    told = Management(url, settings).call("GET", "/manage/import-keys", count="1")
    if out is not None:
        out.write_text(told["current"]["publicKey"])
    show(
        told["keys"],
        ("name", "version", "known", "parcels"),
        as_json=json,
        title="Import keys, the current first",
    )


@cli.command("new-key")
def new_key(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="The CA's folder (default: SCEPTER_CA_FOLDER).")
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Make the next import key of the embedded host; the others go on opening what is sealed to them."""
    values = local_values(settings)
    path = folder or settings.parent / values.get("SCEPTER_CA_FOLDER", ".scepter/ca")
    made = SoftwareImportKeys(path, values.get("SCEPTER_CA_KEY_PASSWORD", "")).rotate()
    console().print(f"import key version {made.version} in {path}; now: manage.py pfx rekey", highlight=False)


@cli.command()
def rekey(url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False) -> None:
    """Seal the passwords of all parcels to the current import key. Run it again to go on. Exit code 1 if any failed."""
    manage = Management(url, settings)
    keys = manage.call("GET", "/manage/import-keys", count="1")["keys"]
    moved, failures = _rekey(manage, total=sum(each["parcels"] for each in keys[1:]))
    if json:
        console().print_json(data={"moved": moved, "failures": failures})
    else:
        show(
            failures,
            ("user", "thumbprint", "reason"),
            as_json=False,
            title=f"{moved} moved, {len(failures)} failed",
        )
    if failures:
        raise typer.Exit(1)


@cli.command("requests")
def list_requests(
    state: Annotated[str, typer.Option(help="begun, delivered or failed.")] = "",
    caller: Annotated[str, typer.Option(help="Of this caller only.")] = "",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Who had what delivered to which device, and what failed."""
    query = {name: value for name, value in (("state", state), ("caller", caller)) if value}
    found = Management(url, settings).call("GET", "/manage/pfx-requests", **query)["requests"]
    rows = found if json else [each | {"certificates": _certificates(each)} for each in found]
    show(rows, REQUESTS, as_json=json, title=f"{len(found)} requests")


def _rekey(manage: Management, total: int) -> tuple[int, list[dict[str, Any]]]:
    moved, start = 0, ""
    failures: list[dict[str, Any]] = []
    screen = console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("sealing to the current key", total=total)
        while True:
            done = manage.call("POST", "/manage/parcels/rekey", {"start": start})
            moved, start = moved + done["moved"], done["next"]
            failures += done["failures"]
            progress.update(task, completed=moved + len(failures))
            if not start:
                return moved, failures


def _row(parcel: dict[str, Any]) -> dict[str, object]:
    return parcel | {"ends": parcel["notAfter"][:10], "key version": parcel["keyVersion"]}


def _certificates(request: dict[str, Any]) -> str:
    told = (f"{each['thumbprint']} {each['failure'] or 'delivered'}" for each in request["certificates"])
    return "\n".join(told)
