"""What delivering an imported PFX asks of others: sealing to a device, keeping what it fetches, and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from shared.store.ports import CertificateRecord, Claim
from shared.x509.certificate import Certificate


class PasswordSealer(Protocol):
    """Seals a password to the key of a certificate, so that only its device can read it."""

    def check(self, recipient: Certificate) -> None:
        """Raises AlgorithmRefused for a key that cannot be sealed to, PolicyViolation for one that may not be."""

    def seal(self, secret: bytearray, recipient: Certificate) -> bytes:
        """CMS EnvelopedData (a ContentInfo, DER) that points at the certificate by issuer and serial number. `secret`
        is the caller's to wipe; no copy is kept. Raises what `check` raises."""


class Deliveries(Protocol):
    """What devices fetch, until they acknowledge it or it expires. One for each request."""

    def put(self, request: str, content: bytes) -> bytes:
        """Keep `content` under the request's id unless something was put there before, acknowledged
        or not; returns what stands. Raises StoreUnavailable."""

    def find(self, request: str) -> bytes | None:
        """What stands under a request's id, acknowledged or not. Raises StoreUnavailable."""


class IssuedCertificates(Protocol):
    """What is on record of the certificates that were issued here."""

    def owned_by(self, owner: str) -> Iterator[Claim]:
        """All rows of an owner, with or without a record."""

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        """One point read."""
