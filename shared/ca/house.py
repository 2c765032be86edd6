"""CAs of ours and of others side by side: which of them is in charge of a profile, and who issues under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.ca.authority import Issued, Order
from shared.ca.issuers import CAIdentity, KnownCAs
from shared.ca.ports import IssuingAuthority
from shared.store.ports import Claim
from shared.x509.certificate import CertificateTemplate
from shared.x509.names import Name


@dataclass(frozen=True, slots=True)
class House:
    """KnownCAs. `outside` has CAs of others by the name that profiles give them, `ca_of` that name for a profile."""

    own: KnownCAs
    outside: Mapping[str, CAIdentity]
    ca_of: Callable[[str], str]

    def in_charge(self, profile: str, now: datetime) -> CAIdentity:
        """Raises KeyUnavailable if it is a CA of ours, and there is none."""
        outside = self.outside.get(self.ca_of(profile))
        return self.own.in_charge(profile, now) if outside is None else outside

    def known(self) -> tuple[CAIdentity, ...]:
        return (*self.own.known(), *self.outside.values())


@dataclass(frozen=True, slots=True)
class ByProfile:
    """An IssuingAuthority: each order goes to the one of its profile."""

    of: Callable[[str], IssuingAuthority]

    def issue(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Issued:
        return self.of(order.profile).issue(template, order, now=now)

    def find_repeat(self, order: Order, *, subject: Name, key_hash: str, now: datetime) -> Issued | None:
        return self.of(order.profile).find_repeat(order, subject=subject, key_hash=key_hash, now=now)

    def find_claim(self, order: Order, subject: Name) -> Claim | None:
        return self.of(order.profile).find_claim(order, subject)
