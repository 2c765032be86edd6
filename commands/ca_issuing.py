"""`manage.py ca request`, `install`, `responder-request`, `install-responder`: an issuing CA whose certificates come
from a root elsewhere: an offline root of ours, or the corporate root there is (AD CS, Cloud PKI).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from commands.ceremony import (
    CA,
    BaseUrl,
    DryRun,
    Folder,
    base_url,
    ceremony,
    named,
    now,
    own_name,
    read_files,
    row_of,
    tell,
    write_pem,
)
from commands.session import DEFAULT_SETTINGS, Json, SettingsFile
from shared.ca.installing import (
    CeremonyHome,
    check_name,
    held_in,
    install,
    request_certificate,
    request_renewal,
)
from shared.ca.request import build_responder_request
from shared.ca.responder_identity import ResponderIdentity
from shared.ca.roster import DEFAULT, Generation, Roster, is_issued_by
from shared.errors import IssuanceFault
from shared.keys import software
from shared.keys.ports import public_key_info

_RESPONDER_KEY = "p-256"


def request(
    out: Annotated[Path, typer.Option("--out", help="Where to write the request (PKCS #10, PEM).")],
    subject: Annotated[str, typer.Option(help="The CA's name, as CN=Example Issuing CA 1,O=Example.")] = "",
    key: Annotated[
        str, typer.Option(help="rsa-2048 to rsa-4096, p-256, p-384; in a vault p-521.")
    ] = "rsa-3072",
    renew: Annotated[
        bool, typer.Option("--renew", help="For the key that issues now, under its name.")
    ] = False,
    software_key: Annotated[
        bool, typer.Option("--software", help="In a vault: a key outside its HSM.")
    ] = False,
    ca: CA = DEFAULT,
    folder: Folder = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a CA key where it will stay, and a request for its certificate. A key that waits is asked for again."""
    if bool(subject) == renew:
        raise typer.BadParameter("give --subject for a new key, or --renew for the one that issues")
    with ceremony(settings, folder, hardware=not software_key) as house:
        home = house.home(ca)
        if dry_run:
            tell(f"{_plan(home, subject, key)}, for {named(ca)}", as_json=json, dry_run=True)
            return
        try:
            asked = (
                request_renewal(home, now()) if renew else request_certificate(home, own_name(subject), key)
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    write_pem(out, "CERTIFICATE REQUEST", asked.der)
    done = "a key is made" if asked.made else "the key was there"
    tell(
        f"{done}; the request of {named(ca)} is in {out}", as_json=json, request=str(out), keyMade=asked.made
    )


def _plan(home: CeremonyHome, subject: str, key: str) -> str:
    """What a request would be for. Raises IssuanceFault, KeyUnavailable."""
    if not subject:
        current = Roster.of({DEFAULT: home.holdings()}).issuing(DEFAULT, now()).certificate
        return f"ask for a renewed certificate of {current.subject.text()}"
    check_name(home, own_name(subject))
    return f"ask for {own_name(subject).text()} with a key {key}"


def install_certificates(
    files: Annotated[
        list[Path], typer.Argument(exists=True, help="Certificates and CRLs: PEM, DER, or PKCS #7.")
    ],
    ca: CA = DEFAULT,
    folder: Folder = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Install what was brought, after full checks: the CA's certificate, what is above it, CRLs of its root.

    The first CA of a name issues at once; a successor waits for `ca take-over`. Makes the SCEP RA and the OCSP
    responder that it needs.
    """
    url, at = base_url(public_url, settings), now()
    certificates, crls = read_files(files)
    with ceremony(settings, folder, url) as house:
        home = house.home(ca)
        accepted = install(home, certificates, crls, now=at)
        generation = accepted.generation
        news = accepted.holdings.to_pem() != held_in(home).to_pem()
        # Composed before anything is kept: the key and what was brought have to belong together.
        issuer = None if generation is None else house.issuer_for(replace(generation, ca=ca))
        made: list[str] = []
        if not dry_run:
            home.keep_holdings(accepted.holdings)
            if issuer is not None:
                house.completion(made.append).complete(issuer, at)
    done = _told(generation, ca, news=news, dry_run=dry_run)
    rows = [] if generation is None else [row_of("issuing", generation.certificate, ca)]
    tell(
        done,
        rows,
        as_json=json,
        dry_run=dry_run,
        made=made,
        doubts=list(accepted.doubts),
        crls=len(accepted.holdings.crls),
    )


def _told(generation: Generation | None, ca: str, *, news: bool, dry_run: bool) -> str:
    done = "install" if dry_run else "installed"
    sentence = f"{done} for {named(ca)}" if news else f"nothing is new for {named(ca)}"
    if generation is None:
        return sentence
    return sentence + (": it waits for `ca take-over`" if generation.issues_from is None else ": it issues")


def responder_request(
    out: Annotated[Path, typer.Option("--out", help="Where to write the request; its key goes beside it.")],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a key for the OCSP responder that answers for a root whose key is away, and its request."""
    beside = out.with_suffix(".key")
    if dry_run:
        tell(f"make a key in {beside} and a request in {out}", as_json=json, dry_run=True)
        return
    made = not beside.exists()
    if made:
        software.write_key(beside, software.generate(_RESPONDER_KEY))
    key = software.read_key(beside)
    write_pem(out, "CERTIFICATE REQUEST", build_responder_request(key))
    tell(f"the request is in {out}, its key in {beside}", as_json=json, keyMade=made)


def install_responder(
    certificate: Annotated[Path, typer.Argument(exists=True, help="What `ca sign-responder` wrote.")],
    key: Annotated[Path, typer.Option("--key", exists=True, help="The key beside the request.")],
    folder: Folder = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Install the OCSP responder of a root. Delete the key file afterwards."""
    at, secret = now(), software.read_key(key)
    brought, _ = read_files([certificate])
    own = next((each for each in brought if each.spki == public_key_info(secret)), None)
    if own is None:
        raise IssuanceFault(f"{certificate} is not for the key in {key}")
    with ceremony(settings, folder) as house:
        roots = house.roster().roots
        if not any(is_issued_by(own, root) for root in roots):
            raise IssuanceFault(f"{own.issuer.text()} is no root of ours: install its certificate first")
        known = any(each.certificate.der == own.der for each in house.root_identities.load())
        if not dry_run and not known:
            house.root_identities.add(ResponderIdentity(own, secret), at)
    done = "is there already" if known else "is installed" if not dry_run else "install it"
    tell(f"OCSP responder of {own.issuer.text()} {done}", as_json=json, dry_run=dry_run)
