"""`manage.py crl`: the certificate revocation list."""

from __future__ import annotations

import httpx
import typer
from cryptography import x509

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show
from shared.errors import DependencyError, RequestError

cli = typer.Typer(no_args_is_help=True)


@cli.command()
def publish(url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Build, sign and publish the next CRL now."""
    answer = Management(url, settings).call("POST", "/manage/crl")
    console().print(f"CRL {answer['number']} is published")


@cli.command("show")
def show_crl(location: str, json: Json = False) -> None:
    """The entries of the CRL at LOCATION (its URL)."""
    try:
        answer = httpx.get(location, timeout=30, trust_env=False)
    except httpx.TransportError as error:
        raise DependencyError(f"{location} does not answer: {error}") from None
    try:
        crl = x509.load_der_x509_crl(answer.raise_for_status().content)
    except (httpx.HTTPStatusError, ValueError):
        raise RequestError(f"{location}: {answer.status_code}, and no CRL in DER") from None
    rows = [
        {"serial": f"{entry.serial_number:038x}", "revoked at": entry.revocation_date_utc.isoformat()}
        for entry in crl
    ]
    show(
        rows,
        ("serial", "revoked at"),
        as_json=json,
        title=f"{len(rows)} entries, next update {crl.next_update_utc}",
    )
