"""`manage.py cert`: certificates on record."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show

cli = typer.Typer(no_args_is_help=True)

COLUMNS = ("serial", "subject", "profile", "status", "not after", "vouched by")


@cli.command("list")
def list_certificates(
    owner: Annotated[str, typer.Option(help="device:<id> or user:<upn>.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Certificates, soonest to expire first."""
    query = {"limit": str(limit)} | ({"owner": owner} if owner else {})
    found = Management(url, settings).call("GET", "/manage/certificates", **query)["certificates"]
    rows = found if json else [row(record) for record in found]
    show(rows, COLUMNS, as_json=json, title=f"{len(found)} certificates")


@cli.command("show")
def show_certificate(
    serial: str, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False
) -> None:
    """One certificate: who, what, why, and its state."""
    record = Management(url, settings).call("GET", f"/manage/certificates/{serial}")
    rows = [record] if json else [{"field": key, "value": value} for key, value in record.items()]
    show(rows, ("field", "value"), as_json=json, title=f"Certificate {serial}")


@cli.command()
def revoke(
    serial: str,
    reason: Annotated[
        str, typer.Option(help="RFC 5280 reason; certificateHold can be lifted again.")
    ] = "unspecified",
    note: str = "",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Revoke or hold a certificate; the CRL follows within seconds."""
    body = {"reason": reason, "note": note}
    record = Management(url, settings).call("PUT", f"/manage/certificates/{serial}/revocation", body)
    console().print(f"{serial} is {record['status']}")


@cli.command()
def lift(serial: str, url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Lift a hold."""
    record = Management(url, settings).call("DELETE", f"/manage/certificates/{serial}/revocation")
    console().print(f"{serial} is {record['status']}")


def row(record: dict[str, str]) -> dict[str, object]:
    """A record as a row of the table."""
    return {
        "serial": record["serial"],
        "subject": record["subject"],
        "profile": record["profile"],
        "status": record["status"],
        "not after": record["notAfter"][:10],
        "vouched by": record["vouchedBy"],
    }
