"""`manage.py ca`: the ceremonies. They touch the CA's folder or vault directly, as whoever holds them; here those of a
CA whose root is in the same folder, and what every CA has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands import ca_issuing, ca_rollover, ca_root, outside
from commands.ceremony import (
    BACKDATE,
    CA,
    COLUMNS,
    BaseUrl,
    DryRun,
    Folder,
    base_url,
    ceremony,
    now,
    row_of,
    tell,
)
from commands.session import DEFAULT_SETTINGS, Json, SettingsFile, console, local_values, show
from shared.ca.ceremony import CAPlan, create, prepare_successor
from shared.ca.folder import CAFolder
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.keys.software import ALGORITHMS
from shared.pfx.import_key_folder import SoftwareImportKeys
from shared.wiring.ceremony import Ceremony

cli = typer.Typer(no_args_is_help=True)
cli.command("check")(outside.check)
cli.command("orphans")(outside.orphans)

_KEYS = ", ".join(ALGORITHMS)
_COMMANDS: Mapping[str, Callable[..., None]] = {
    "root-init": ca_root.init_root,
    "sign": ca_root.sign,
    "cross-sign": ca_root.cross_sign,
    "sign-responder": ca_root.sign_responder,
    "root-crl": ca_root.root_crl,
    "request": ca_issuing.request,
    "install": ca_issuing.install_certificates,
    "responder-request": ca_issuing.responder_request,
    "install-responder": ca_issuing.install_responder,
    "take-over": ca_rollover.take_over,
    "rollover": ca_rollover.rollover,
    "retire": ca_rollover.retire,
    "compromise": ca_rollover.compromise,
}
for name, command in _COMMANDS.items():
    cli.command(name)(command)


def _open(folder: Path | None, settings: Path) -> CAFolder:
    values = local_values(settings)
    path = folder or settings.parent / values.get("SCEPTER_CA_FOLDER", ".scepter/ca")
    return CAFolder(path, _password(settings))


def _password(settings: Path) -> str:
    return local_values(settings).get("SCEPTER_CA_KEY_PASSWORD", "")


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
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make root, issuing CA, SCEP RA, OCSP responders and import key with software keys. What exists is kept; run it
    again at any time."""
    ca = _open(folder, settings)
    try:
        plan = CAPlan(organisation, root_key, root_years, issuing_key, issuing_years, ocsp=ocsp)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if dry_run:
        tell(f"make what is missing of {organisation}'s CA in {ca.path}", as_json=json, dry_run=True)
        return
    with console(stderr=True).status("Making the CA") as status:
        create(
            ca,
            plan,
            base_url=base_url(public_url, settings),
            now=now(),
            progress=lambda step: status.update(f"Making the {step}"),
        )
    SoftwareImportKeys(ca.path, _password(settings)).ensure()
    if not json:
        console().print(f"CA in {ca.path}:")
    with ceremony(settings, folder) as house:
        _show(house, as_json=json)


@cli.command("show")
def show_ca(folder: Folder = None, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False) -> None:
    """The certificates of every CA: subject, id, key, validity."""
    with ceremony(settings, folder) as house:
        _show(house, as_json=json)


@cli.command("renew-ra")
def renew_ra(
    ca: CA = DEFAULT,
    folder: Folder = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the next SCEP RA identity; the former one goes on opening requests until its end."""
    url, at = base_url(public_url, settings), now()
    with ceremony(settings, folder, url) as house:
        home = house.home(ca)
        issuer = house.issuer_for(Roster.of({ca: home.holdings()}).issuing(ca, at))
        if dry_run:
            tell("make the next SCEP RA identity", as_json=json, dry_run=True)
            return
        made = house.ra_home.add_ra_identity(issuer, now=at, backdate=BACKDATE).certificate
    end = f"{made.not_after:%Y-%m-%d}"
    tell(f"RA certificate {made.serial_hex} until {end}", [row_of("SCEP RA", made, ca)], as_json=json)


@cli.command("prepare-successor")
def prepare_next(
    folder: Folder = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    issuing_key: Annotated[str, typer.Option(help=f"One of {_KEYS}.")] = "rsa-3072",
    issuing_years: Annotated[int, typer.Option(help="Its life.")] = 5,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the issuing CA that comes after this one. It issues nothing yet; GetNextCACert tells clients of it."""
    ca, url = _open(folder, settings), base_url(public_url, settings)
    if dry_run:
        tell(f"make the next issuing CA in {ca.path}, if none waits", as_json=json, dry_run=True)
        return
    try:
        with console(stderr=True).status("Making the next issuing CA"):
            prepare_successor(ca, key=issuing_key, years=issuing_years, base_url=url, now=now())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with ceremony(settings, folder) as house:
        _show(house, as_json=json)


def _show(house: Ceremony, *, as_json: bool) -> None:
    roster, at = house.roster(), now()
    if not roster.generations:
        house.home().holdings()  # which tells what is missing, and where
    rows = [row_of("root", root) for root in roster.roots]
    rows += [row_of("cross-certificate", each) for each in roster.crosses]
    for ca in house.ca_homes:
        rows += [row_of(_part(roster, each, at), each.certificate, ca) for each in roster.of_ca(ca)]
    rows += [row_of("SCEP RA", identity.certificate) for identity in house.ra_home.ra_identities()]
    for role, kept in (
        ("root's OCSP responder", house.root_identities),
        ("OCSP responder", house.responder_identities),
    ):
        rows += [row_of(role, identity.certificate) for identity in kept.load()]
    several = ("ca",) if len(house.ca_homes) > 1 else ()
    show(rows, (*several, *COLUMNS), as_json=as_json, title="CA certificates")


def _part(roster: Roster, generation: Generation, at: datetime) -> str:
    if not generation.has_turn(at):
        return "next issuing"
    return "issuing" if roster.issuing(generation.ca, at).id == generation.id else "former issuing"
