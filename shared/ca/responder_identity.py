"""A delegated OCSP responder (RFC 6960 2.6, 4.2.2.2): its key and the certificate that the CA gives it.

The key is on P-256 and made here; the certificate lives for a week, because nobody checks it for revocation. A root's
lives for a year, as the root's CRL does: the root's key is seldom at hand.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.ca import hierarchy
from shared.ca.issuer import Issuer, issuer_id
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.x509.certificate import Certificate, CertificateTemplate
from shared.x509.names import Name
from shared.x509.serial import make_serial

LIFE: Final = timedelta(days=7)
ROOT_LIFE: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ResponderIdentity:
    """A responder's certificate and its key."""

    certificate: Certificate
    key: SigningKey = field(repr=False)

    def alive(self, now: datetime) -> bool:
        return self.certificate.not_before <= now < self.certificate.not_after


class ResponderIdentities(Protocol):
    """Where the identities of one CA are kept: a folder, a vault."""

    def load(self) -> Sequence[ResponderIdentity]:
        """All of them, in any order, ended ones perhaps too. Raises KeyUnavailable."""

    def add(self, identity: ResponderIdentity, now: datetime) -> None:
        """Keep one more; those that ended before `now` may be forgotten. Raises KeyUnavailable."""


@dataclass(frozen=True, slots=True)
class IdentitiesOf:
    """Those of one CA, where the identities of several are kept together."""

    authority: Certificate
    kept: ResponderIdentities

    def load(self) -> list[ResponderIdentity]:
        """Raises KeyUnavailable."""
        return [each for each in self.kept.load() if self._is_ours(each.certificate)]

    def add(self, identity: ResponderIdentity, now: datetime) -> None:
        """Raises KeyUnavailable."""
        self.kept.add(identity, now)

    def _is_ours(self, certificate: Certificate) -> bool:
        named = certificate.issuer.encoded == self.authority.subject.encoded
        return named and certificate.authority_key_identifier == self.authority.subject_key_identifier


def make_identity(issuer: Issuer, *, now: datetime, backdate: timedelta) -> ResponderIdentity:
    """A fresh identity for an issuing CA: one signature by its key. Raises KeyUnavailable, IssuanceFault."""
    key = software.generate("p-256")
    template = _template(issuer.certificate, key, now, LIFE, backdate)
    serial = make_serial(template.not_after, secrets.token_bytes)
    return ResponderIdentity(issuer.delegate(template, serial), key)


def make_root_identity(
    root: Certificate, root_key: SigningKey, *, now: datetime, backdate: timedelta
) -> ResponderIdentity:
    """A fresh identity for a root: it answers for the CAs below while the root's key is away."""
    key = software.generate("p-256")
    template = _template(root, key, now, ROOT_LIFE, backdate)
    return ResponderIdentity(hierarchy.root_responder(root, root_key, template), key)


def _template(
    authority: Certificate, key: SigningKey, now: datetime, life: timedelta, backdate: timedelta
) -> CertificateTemplate:
    return responder_request_template(authority, public_key_info(key), now, life, backdate)


def responder_request_template(
    authority: Certificate, spki: bytes, now: datetime, life: timedelta, backdate: timedelta
) -> CertificateTemplate:
    """What a responder for `authority` is to be certified as, by its public key alone."""
    now = now.replace(microsecond=0)
    names = [("O", value) for value in authority.subject.values("O")]
    subject = Name.build([*names, ("CN", f"OCSP {issuer_id(authority.spki)}")])
    end = min(now + life, authority.not_after)
    return hierarchy.responder_template(spki, subject, not_before=now - backdate, not_after=end)
