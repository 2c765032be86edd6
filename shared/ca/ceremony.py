"""Making a CA: root, issuing CA and the first RA identity, in one idempotent step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ca import hierarchy
from shared.ca.folder import CAFolder
from shared.keys import software
from shared.keys.ports import public_key_info
from shared.x509.names import Name

_YEAR = timedelta(days=365.25)
ROOT_CRL_LIFE = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class CAPlan:
    """The two tiers: names (RFC 4514), key algorithms (shared/keys/software.ALGORITHMS) and lives in years."""

    organisation: str = "Scepter"
    root_key: str = "rsa-4096"
    root_years: int = 20
    issuing_key: str = "rsa-3072"
    issuing_years: int = 5
    backdate: timedelta = timedelta(hours=24)

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
    """Make what `folder` lacks of the two tiers and the RA; what is there stays. `progress` hears of each step."""
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
    if not (folder.path / "issuing.pem").exists():
        progress(f"issuing key ({plan.issuing_key})")
        _create_issuing(folder, plan, base_url, now)
    if not folder.ra_identities():
        progress("RA key (rsa-2048)")
        folder.add_ra_identity(folder.issuer(base_url), now=now, backdate=plan.backdate)


def _create_issuing(folder: CAFolder, plan: CAPlan, base_url: str, now: datetime) -> None:
    key = software.generate(plan.issuing_key)
    certificate = hierarchy.subordinate(
        folder.certificate("root"),
        folder.key("root"),
        spki=public_key_info(key),
        subject=plan.name(f"{plan.organisation} Issuing CA"),
        not_before=now - plan.backdate,
        life=plan.issuing_years * _YEAR,
        base_url=base_url,
    )
    folder.keep("issuing", certificate, key)
