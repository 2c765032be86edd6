"""`manage.py ca`: the ceremonies. They touch the CA's folder directly, on the machine that has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from commands.session import DEFAULT_SETTINGS, Json, SettingsFile, console, local_values, show
from shared.ca.ceremony import CAPlan, create, prepare_successor
from shared.ca.folder import CAFolder
from shared.ca.issuer import Issuer, issuer_id
from shared.ca.responder_files import ISSUING, ROOT, ResponderFiles
from shared.ca.roster import DEFAULT, Roster
from shared.keys.software import ALGORITHMS
from shared.x509.certificate import Certificate

cli = typer.Typer(no_args_is_help=True)

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The CA's folder (default: SCEPTER_CA_FOLDER).")
]
BaseUrl = Annotated[
    str | None, typer.Option("--public-url", help="Base of CRL and CA URLs: your own DNS name.")
]
_KEYS = ", ".join(ALGORITHMS)


def _open(folder: Path | None, settings: Path) -> tuple[CAFolder, dict[str, str]]:
    values = local_values(settings)
    path = folder or settings.parent / values.get("SCEPTER_CA_FOLDER", ".scepter/ca")
    return CAFolder(path, values.get("SCEPTER_CA_KEY_PASSWORD", "")), values


def _base_url(public_url: str | None, values: dict[str, str]) -> str:
    url = public_url or values.get("SCEPTER_PUBLIC_URL", "")
    if not url:
        raise typer.BadParameter("give --public-url, or set SCEPTER_PUBLIC_URL in the settings file")
    return url.rstrip("/")


@cli.command()
def init(
    folder: Folder = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    organisation: Annotated[str, typer.Option(help="O of all CA names.")] = "Scepter",
    root_key: Annotated[str, typer.Option(help=f"One of {_KEYS}.")] = "rsa-4096",
    root_years: Annotated[int, typer.Option(help="Life of the root.")] = 20,
    issuing_key: Annotated[str, typer.Option(help=f"One of {_KEYS}.")] = "rsa-3072",
    issuing_years: Annotated[int, typer.Option(help="Life of the issuing CA.")] = 5,
    ocsp: Annotated[bool, typer.Option(help="Say in the issuing CA's certificate where OCSP is.")] = True,
) -> None:
    """Make root, issuing CA, SCEP RA and OCSP responders with software keys. What exists is kept; run it again at
    any time."""
    ca, values = _open(folder, settings)
    try:
        plan = CAPlan(organisation, root_key, root_years, issuing_key, issuing_years, ocsp=ocsp)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with console().status("Making the CA") as status:
        create(
            ca,
            plan,
            base_url=_base_url(public_url, values),
            now=datetime.now(UTC),
            progress=lambda step: status.update(f"Making the {step}"),
        )
    console().print(f"CA in {ca.path}:")
    _show(ca, as_json=False)


@cli.command("show")
def show_ca(folder: Folder = None, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False) -> None:
    """The CA's certificates: subject, id, key, validity."""
    _show(_open(folder, settings)[0], as_json=json)


@cli.command("renew-ra")
def renew_ra(
    folder: Folder = None, public_url: BaseUrl = None, settings: SettingsFile = DEFAULT_SETTINGS
) -> None:
    """Make the next SCEP RA identity; the former one goes on opening requests until its end."""
    ca, values = _open(folder, settings)
    now = datetime.now(UTC).replace(microsecond=0)
    current = Roster.of({DEFAULT: ca.holdings()}).issuing(DEFAULT, now)
    key, base_url = ca.signing_key(current.certificate), _base_url(public_url, values)
    issuer = Issuer(current.certificate, current.chain, key, base_url)
    identity = ca.add_ra_identity(issuer, now=now, backdate=timedelta(hours=24))
    console().print(
        f"RA certificate {identity.certificate.serial_hex} until {identity.certificate.not_after:%Y-%m-%d}"
    )


@cli.command("prepare-successor")
def prepare_next(
    folder: Folder = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    issuing_key: Annotated[str, typer.Option(help=f"One of {_KEYS}.")] = "rsa-3072",
    issuing_years: Annotated[int, typer.Option(help="Its life.")] = 5,
) -> None:
    """Make the issuing CA that comes after this one. It issues nothing yet; GetNextCACert tells clients of it."""
    ca, values = _open(folder, settings)
    base_url = _base_url(public_url, values)
    try:
        with console().status("Making the next issuing CA"):
            prepare_successor(
                ca, key=issuing_key, years=issuing_years, base_url=base_url, now=datetime.now(UTC)
            )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _show(ca, as_json=False)


def _show(ca: CAFolder, *, as_json: bool) -> None:
    roster, now = Roster.of({DEFAULT: ca.holdings()}), datetime.now(UTC)
    rows = [_row("root", root) for root in roster.roots]
    rows.append(_row("issuing", roster.issuing(DEFAULT, now).certificate))
    rows += [_row("former issuing", each.certificate) for each in roster.former(DEFAULT, now)]
    successor = roster.successor(DEFAULT, now)
    if successor is not None:
        rows.append(_row("next issuing", successor.certificate))
    rows += [_row("SCEP RA", identity.certificate) for identity in ca.ra_identities()]
    for role, stem in (("root's OCSP responder", ROOT), ("OCSP responder", ISSUING)):
        rows += [_row(role, identity.certificate) for identity in ResponderFiles(ca, stem).load()]
    show(rows, ("role", "subject", "id", "serial", "not after"), as_json=as_json, title="CA certificates")


def _row(role: str, certificate: Certificate) -> dict[str, object]:
    return {
        "role": role,
        "subject": certificate.subject.text(),
        "id": issuer_id(certificate.spki),
        "serial": certificate.serial_hex,
        "not before": certificate.not_before.isoformat(),
        "not after": f"{certificate.not_after:%Y-%m-%d}",
    }
