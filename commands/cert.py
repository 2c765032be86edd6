"""`manage.py cert`: certificates on record, and issuing for a request by hand."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from commands.cert_status import status
from commands.revoke import revoke
from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show
from shared.asn1.pem import is_pem

cli = typer.Typer(no_args_is_help=True)
cli.command("status")(status)

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
def issue(
    profile: Annotated[str, typer.Option(help="The profile: its policy applies as over SCEP.")],
    csr: Annotated[
        Path, typer.Option(help="PKCS #10 request, PEM or DER.", exists=True, dir_okay=False, readable=True)
    ],
    out: Annotated[
        Path | None, typer.Option(help="File for certificate and chain in PEM; else they are printed.")
    ] = None,
    device: Annotated[str, typer.Option(help="The device's id, where there is one.")] = "",
    user: Annotated[str, typer.Option(help="The user's principal name, for profiles of users.")] = "",
    days: Annotated[int | None, typer.Option(min=1, help="A shorter life than the profile's.")] = None,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Issue for a request of a server that speaks no SCEP: RADIUS, VPN gateway, web.

    The same command again within a day gets the same certificate.
    """
    content = csr.read_bytes()
    text = content.decode("ascii", "replace") if is_pem(content) else base64.b64encode(content).decode()
    order = {"profile": profile, "csr": text, "device": device, "user": user, "validity_days": days}
    issued = Management(url, settings).call("POST", "/manage/certificates", order)
    chain = issued["certificate"] + issued["chain"]
    if out is not None:
        out.write_text(chain, "ascii")
    if json:
        console().print_json(data=issued)
        return
    if out is None:
        typer.echo(chain, nl=False)
    state = "already issued, the same again" if issued["repeated"] else "issued"
    where = f": {out}" if out else ""
    console(stderr=out is None).print(
        f"{state}: {escape(issued['subject'])} serial {issued['serial']} until {issued['notAfter'][:10]}{where}",
        highlight=False,
        soft_wrap=True,
    )


cli.command()(revoke)


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
