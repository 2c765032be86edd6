"""A CA kept in memory: what the composition takes for a folder or a vault, and a roster around one issuer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from shared.ca.holdings import Holdings
from shared.ca.issuer import Issuer
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.errors import KeyUnavailable
from shared.keys import software
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate


@dataclass
class MemoryHome:
    """A CAHome, and what a ceremony needs besides. `looks` counts how often it was read."""

    held: Holdings = field(default_factory=Holdings)
    keys: list[SigningKey] = field(default_factory=list)
    stale_after: timedelta = timedelta(0)
    away: str = ""
    looks: int = 0

    def is_empty(self) -> bool:
        return not self.held.own

    def holdings(self) -> Holdings:
        self.looks += 1
        if self.away or self.is_empty():
            raise KeyUnavailable(self.away or "no CA certificate is installed")
        return self.held

    def keep_holdings(self, holdings: Holdings) -> None:
        self.held = holdings

    def signing_key(self, certificate: Certificate) -> SigningKey:
        found = next((key for key in self.keys if key.public_key() == certificate.public_key), None)
        if found is None:
            raise KeyUnavailable(f"no key for {certificate.subject.text()}")
        return found

    def waiting_key(self) -> SigningKey | None:
        known = [own.certificate.public_key for own in self.held.own]
        return next((key for key in self.keys if key.public_key() not in known), None)

    def make_key(self, algorithm: str) -> SigningKey:
        self.keys.append(software.generate(algorithm))
        return self.keys[-1]


def home_of(
    certificate: Certificate, key: SigningKey, *above: Certificate, crl: bytes | None = None
) -> MemoryHome:
    """With one CA that issues."""
    held = Holdings().with_own(certificate, certificate.not_before).with_above(above)
    return MemoryHome(held if crl is None else held.with_crl(crl), [key])


def roster_of(issuer: Issuer, crl: bytes | None = None) -> Roster:
    """A house with one issuer."""
    only = Generation(DEFAULT, issuer.certificate, issuer.chain, issuer.certificate.not_before)
    return Roster((only,), issuer.chain, (crl,) if crl else ())
