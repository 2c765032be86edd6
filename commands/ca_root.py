"""What an offline root does in `manage.py ca`: it is made, signs, cross-signs, and gives its next CRL.

On the machine that has its key: no network, and no settings but the password of the key.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from commands.ceremony import (
    BACKDATE,
    YEAR,
    BaseUrl,
    DryRun,
    RootFolder,
    base_url,
    now,
    own_name,
    read_files,
    read_request,
    row_of,
    tell,
    write_pem,
)
from commands.session import DEFAULT_SETTINGS, Json, SettingsFile, local_values
from shared.ca.folder import CAFolder
from shared.ca.offline_root import Below, OfflineRoot
from shared.errors import IssuanceFault
from shared.keys.software import ALGORITHMS
from shared.x509.certificate import Certificate
from shared.x509.crl import REASONS

Years = Annotated[int, typer.Option("--years", min=1, max=40, help="Its life.")]
CRLDays = Annotated[int, typer.Option("--days", min=1, max=3650, help="Life of the CRL.")]
OCSP = Annotated[bool, typer.Option(help="Say in the certificate where OCSP is.")]
Out = Annotated[Path | None, typer.Option("--out", help="File to write, besides the root's folder.")]
Again = Annotated[bool, typer.Option("--again", help="A new one, though there is one that holds.")]


def root_in(folder: Path, settings: Path) -> OfflineRoot:
    """The root in a folder; the password of its key is a setting, in the file or the environment."""
    values = local_values(settings) | dict(os.environ)
    return OfflineRoot(CAFolder(folder, values.get("SCEPTER_CA_KEY_PASSWORD", "")))


def init_root(
    root: RootFolder,
    subject: Annotated[str, typer.Option(help="The root's name, as CN=Example Root CA,O=Example.")],
    key: Annotated[str, typer.Option(help=f"One of {', '.join(ALGORITHMS)}.")] = "rsa-4096",
    years: Years = 20,
    days: CRLDays = 365,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the root and its first CRL. A root that is there stays."""
    place, at, name = root_in(root, settings), now(), own_name(subject)
    if key not in ALGORITHMS:
        raise typer.BadParameter(f"--key is one of {', '.join(ALGORITHMS)}")
    if place.exists() or dry_run:
        rows = [row_of("root", place.certificate)] if place.exists() else []
        if rows and not place.certificate.subject.same_as(name):
            raise IssuanceFault(f"{root} has another root already: {place.certificate.subject.text()}")
        done = "the root is there already" if rows else f"make the root {name.text()} with a key {key}"
        tell(done, rows, as_json=json, dry_run=dry_run)
        return
    made = place.make(name, key, not_before=at - BACKDATE, life=years * YEAR)
    place.next_crl(now=at, life=timedelta(days=days))
    tell(f"the root is made, in {root}", [row_of("root", made)], as_json=json)


def sign(
    request: Annotated[Path, typer.Argument(exists=True, help="The request (PKCS #10, PEM or DER).")],
    root: RootFolder,
    years: Years = 5,
    ocsp: OCSP = True,
    again: Again = False,
    out: Out = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Certify an issuing CA. A key that has a certificate gets the same one, or with --again a renewed one."""
    place, at, asked = root_in(root, settings), now(), read_request(request)
    below = Below(base_url(public_url, settings), years * YEAR, BACKDATE, ocsp)
    standing = None if again else place.find(asked.spki, at)
    if standing is None and dry_run:
        end = min(at + below.life, place.certificate.not_after)
        tell(f"certify {asked.subject.text()} until {end:%Y-%m-%d}", as_json=json, dry_run=True)
        return
    _hand_over(
        place,
        standing or place.certify(asked, below, at),
        None if dry_run else out,
        "was signed before" if standing else "is signed",
        as_json=json,
        dry_run=dry_run,
    )


def cross_sign(
    certificate: Annotated[Path, typer.Argument(exists=True, help="The other CA's certificate.")],
    root: RootFolder,
    years: Years = 5,
    ocsp: OCSP = True,
    again: Again = False,
    out: Out = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Certify the key of another CA, mostly of the next root, so that who trusts this root trusts that one, too."""
    place, at, other = root_in(root, settings), now(), _only(certificate)
    below = Below(base_url(public_url, settings), years * YEAR, BACKDATE, ocsp)
    standing = None if again else place.find(other.spki, at)
    if standing is None and dry_run:
        tell(f"cross-certify {other.subject.text()}", as_json=json, dry_run=True)
        return
    _hand_over(
        place,
        standing or place.cross_certify(other, below, at),
        None if dry_run else out,
        "was cross-certified before" if standing else "is cross-certified",
        as_json=json,
        dry_run=dry_run,
    )


def sign_responder(
    request: Annotated[Path, typer.Argument(exists=True, help="What `ca responder-request` wrote.")],
    root: RootFolder,
    out: Out = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Certify the OCSP responder that answers for this root: for a year."""
    place, asked = root_in(root, settings), read_request(request)
    if dry_run:
        tell("certify an OCSP responder for a year", as_json=json, dry_run=True)
        return
    known = (each for each in place.signed() if each.spki == asked.spki and each.not_after > now())
    made = next(known, None) or place.certify_responder(asked, now=now(), backdate=BACKDATE)
    _hand_over(place, made, out, "is signed", as_json=json)


def root_crl(
    root: RootFolder,
    days: CRLDays = 365,
    revoke: Annotated[
        Path | None, typer.Option(exists=True, help="A certificate of this root: revoke it, for good.")
    ] = None,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(sorted(REASONS))}.")] = "cACompromise",
    again: Again = False,
    out: Out = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Sign the root's next CRL. One that has not passed half its life stays, unless there is something to revoke."""
    place, at = root_in(root, settings), now()
    gone = None if revoke is None else _only(revoke)
    if reason not in REASONS:
        raise typer.BadParameter(f"--reason is one of {', '.join(sorted(REASONS))}")
    news = gone is not None and not place.revoked(gone)
    if not dry_run and (again or news or place.needs_crl(at)):
        place.next_crl(now=at, life=timedelta(days=days), revoke=gone, reason=reason)
    standing = place.crl
    if standing is not None and out is not None and not dry_run:
        write_pem(out, "X509 CRL", standing.der)
    done = (
        f"revoke {gone.subject.text()} and sign a CRL" if dry_run and gone and news else "sign a CRL if due"
    )
    if standing is not None and not dry_run:
        done = f"CRL {standing.number}: {len(standing)} revoked, until {standing.next_update:%Y-%m-%d}"
    tell(done, as_json=json, dry_run=dry_run)


def _hand_over(
    place: OfflineRoot,
    made: Certificate,
    out: Path | None,
    done: str,
    *,
    as_json: bool,
    dry_run: bool = False,
) -> None:
    """The certificate as a file to carry on: with the root's and its CRL behind it, so one file is enough."""
    if out is not None:
        crl = place.crl
        write_pem(out, "CERTIFICATE", made.der, place.certificate.der)
        if crl is not None:
            text = out.read_bytes()
            write_pem(out, "X509 CRL", crl.der)
            out.write_bytes(text + out.read_bytes())
    tell(
        f"{made.subject.text()} {done}",
        [row_of("signed", made), row_of("root", place.certificate)],
        as_json=as_json,
        dry_run=dry_run,
    )


def _only(path: Path) -> Certificate:
    certificates, _ = read_files([path])
    if not certificates:
        raise typer.BadParameter(f"{path} holds no certificate")
    return certificates[0]
