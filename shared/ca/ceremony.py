"""Making a CA: root, issuing CA, the first RA identity and OCSP responders, in one idempotent step."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.asn1 import oids
from shared.ca import hierarchy
from shared.ca.folder import CAFolder
from shared.ca.responder_files import ISSUING, ROOT, ResponderFiles
from shared.ca.responder_identity import ROOT_LIFE, make_identity, make_root_identity
from shared.ca.roster import DEFAULT, Roster
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.x509.certificate import Certificate
from shared.x509.names import Name

_YEAR = timedelta(days=365.25)
ROOT_CRL_LIFE = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class CAPlan:
    """The two tiers: names (RFC 4514), key algorithms (shared/keys/software.ALGORITHMS) and lives in years.

    `ocsp`: the issuing CA's certificate says where OCSP is.
    """

    organisation: str = "Scepter"
    root_key: str = "rsa-4096"
    root_years: int = 20
    issuing_key: str = "rsa-3072"
    issuing_years: int = 5
    backdate: timedelta = timedelta(hours=24)
    ocsp: bool = True

    def __post_init__(self) -> None:
        for algorithm in (self.root_key, self.issuing_key):
            if algorithm not in software.ALGORITHMS:
                raise ValueError(
                    f"key algorithm {algorithm!r} is not one of {', '.join(software.ALGORITHMS)}"
                )
        if not 1 <= self.issuing_years <= self.root_years <= 40:
            raise ValueError("lives must be 1 to 40 years, the issuing CA's no longer than the root's")

    def name(self, common_name: str) -> Name:
        return Name.build([("O", self.organisation), ("CN", common_name)])


def create(
    folder: CAFolder,
    plan: CAPlan,
    *,
    base_url: str,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Make what `folder` lacks of the two tiers, the RA and the OCSP responders; what is there stays.

    The root's responder is made again after half its year, while the root's key is here. `progress` hears of each
    step.
    """
    now = now.replace(microsecond=0)
    if not (folder.path / "root.pem").exists():
        progress(f"root key ({plan.root_key})")
        key = software.generate(plan.root_key)
        subject = plan.name(f"{plan.organisation} Root CA")
        life = plan.root_years * _YEAR
        root = hierarchy.self_signed_root(key, subject, not_before=now - plan.backdate, life=life)
        folder.keep("root", root, key)
    if folder.root_crl() is None:
        root, key = folder.certificate("root"), folder.key("root")
        folder.keep_root_crl(hierarchy.root_crl(root, key, now=now, life=ROOT_CRL_LIFE))
    roots = ResponderFiles(folder, ROOT)
    if folder.holds_key("root") and _lasts(roots) < now + ROOT_LIFE / 2:
        progress("root's OCSP responder key (p-256)")
        root, key = folder.certificate("root"), folder.key("root")
        roots.add(make_root_identity(root, key, now=now, backdate=plan.backdate), now)
    if not (folder.path / "issuing.pem").exists():
        progress(f"issuing key ({plan.issuing_key})")
        _create_issuing(folder, plan, base_url, now)
    if not folder.ra_identities():
        progress("RA key (rsa-2048)")
        folder.add_ra_identity(folder.issuer(base_url), now=now, backdate=plan.backdate)
    responders = ResponderFiles(folder, ISSUING)
    if _lasts(responders) <= now:
        progress("OCSP responder key (p-256)")
        issuer = folder.issuer(base_url)
        responders.add(make_identity(issuer, now=now, backdate=plan.backdate), now)


def _lasts(responders: ResponderFiles) -> datetime:
    """When the last responder ends; long ago if there is none."""
    ends = [identity.certificate.not_after for identity in responders.load()]
    return max(ends, default=datetime.min.replace(tzinfo=UTC))


def _create_issuing(folder: CAFolder, plan: CAPlan, base_url: str, now: datetime) -> None:
    key = software.generate(plan.issuing_key)
    subject = plan.name(f"{plan.organisation} Issuing CA")
    folder.keep("issuing", _certify(folder, key, subject, plan, base_url, now), key)


def prepare_successor(folder: CAFolder, *, key: str, years: int, base_url: str, now: datetime) -> Certificate:
    """Make the CA that will issue next, under the same root and a name of its own; what is there stays.

    It issues nothing yet: GetNextCACert tells clients of it. `key` is one of shared/keys/software.ALGORITHMS.
    Raises ValueError, KeyUnavailable.
    """
    now = now.replace(microsecond=0)
    held = folder.holdings()
    roster = Roster.of({DEFAULT: held})
    prepared = roster.successor(DEFAULT, now)
    if prepared is not None:
        return prepared.certificate
    plan = CAPlan(issuing_key=key, issuing_years=years)
    subject = _next_name(roster.issuing(DEFAULT, now).certificate.subject)
    folder.key("root")  # or a key would be made for nothing
    certificate = _certify(folder, folder.make_key(plan.issuing_key), subject, plan, base_url, now)
    folder.keep_holdings(held.with_own(certificate, None))
    return certificate


def _certify(
    folder: CAFolder, key: SigningKey, subject: Name, plan: CAPlan, base_url: str, now: datetime
) -> Certificate:
    return hierarchy.subordinate(
        folder.certificate("root"),
        folder.key("root"),
        spki=public_key_info(key),
        subject=subject,
        not_before=now - plan.backdate,
        life=plan.issuing_years * _YEAR,
        base_url=base_url,
        ocsp=plan.ocsp,
    )


def _next_name(name: Name) -> Name:
    """The same name with the next number at the end of its CN: two CAs of one name would be one to many clients."""
    pairs = [(attribute.oid, attribute.value) for attribute in name.attributes()]
    at = max((index for index, (oid, _) in enumerate(pairs) if oid == oids.COMMON_NAME), default=None)
    if at is None:
        raise ValueError("the issuing CA has no common name whose successor could be named after it")
    words, number = pairs[at][1], 1
    if match := re.fullmatch(r"(.*) ([0-9]{1,4})", words):
        words, number = match[1], int(match[2])
    pairs[at] = oids.COMMON_NAME, f"{words} {number + 1}"
    return Name.build(pairs)
