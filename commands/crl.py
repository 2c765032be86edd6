"""`manage.py crl`: the certificate revocation lists."""

from __future__ import annotations

from typing import Annotated

import httpx
import typer
from cryptography import x509

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show
from shared.errors import DependencyError, RequestError

cli = typer.Typer(no_args_is_help=True)

_COLUMNS = ("crl", "number", "base", "entries", "bytes", "this update", "next update")
_DONE = {
    "listed": "put on the CRL",
    "lifted": "taken off the CRL",
    "finished": "revoked on record, as the CRL says",
    "unknown": "on the CRL and not on record; left there",
    "retired": "shard counts that no live certificate names any more",
}
_PATIENCE = 600  # seconds: a comparison reads every revoked record


@cli.command()
def publish(url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Build, sign and publish the next CRLs now."""
    answer = Management(url, settings).call("POST", "/manage/crl")
    console().print(f"CRL {answer['number']} is published")


@cli.command("show")
def show_crl(
    location: Annotated[str, typer.Argument(help="URL of a CRL: list its entries.")] = "",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Every CRL that stands published (number, entries, sizes, times), or the entries of the one at LOCATION."""
    if location:
        _show_entries(location, as_json=json)
        return
    answer = Management(url, settings).call("GET", "/manage/crl")
    rows = [
        {
            "crl": found["url"].rsplit("/crl/", 1)[-1],
            "this update": found["thisUpdate"],
            "next update": found["nextUpdate"],
            **{name: found[name] for name in ("url", "number", "base", "entries", "bytes")},
        }
        for found in answer["crls"]
    ]
    show(rows, _COLUMNS, as_json=json, title=f"all changes until {answer['cursor']}")


@cli.command()
def reconcile(url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False) -> None:
    """Compare all records with the CRL, mend what differs, and publish; the timer does it every night."""
    answer = Management(url, settings, timeout=_PATIENCE).call("POST", "/manage/crl/reconciliation")
    rows = [{"serial": found, "what": _DONE[kind]} for kind in _DONE for found in answer[kind]]
    show(rows, ("serial", "what"), as_json=json, title=f"{len(rows)} differences")


def _show_entries(location: str, *, as_json: bool) -> None:
    try:
        answer = httpx.get(location, timeout=30, trust_env=False)
    except httpx.TransportError as error:
        raise DependencyError(f"{location} does not answer: {error}") from None
    try:
        crl = x509.load_der_x509_crl(answer.raise_for_status().content)
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (httpx.HTTPStatusError, ValueError, x509.ExtensionNotFound):
        raise RequestError(f"{location}: {answer.status_code}, and no CRL in DER") from None
    rows = [
        {"serial": f"{entry.serial_number:038x}", "revoked at": entry.revocation_date_utc.isoformat()}
        for entry in crl
    ]
    title = f"CRL {number}: {len(rows)} entries, next update {crl.next_update_utc}"
    show(rows, ("serial", "revoked at"), as_json=as_json, title=title)
