"""Certificates with their private keys, kept as versions of one secret: SCEP RAs, OCSP responders.

A version is PEM: the certificate, then its key in PKCS #8 (RFC 7468, 5958). Versions overlap: whoever adds one leaves
those before to their end. Two workers that add at the same time make two, and both are good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.asn1.pem import from_pem, pem
from shared.errors import MalformedMessage, RequestError
from shared.keys.ports import SigningKey
from shared.keys.secrets import SecretStore, SecretVersion
from shared.x509.certificate import Certificate

MEDIA_TYPE: Final = "application/x-pem-file"
log = logging.getLogger("scepter.keys")


@dataclass(frozen=True, slots=True)
class KeptIdentity:
    """A certificate, its key, and since when it has been where every worker can load it."""

    certificate: Certificate
    key: SigningKey = field(repr=False)
    since: datetime


class KeptIdentities:
    """The identities in secret `name`. Each version is read once; its value never changes."""

    def __init__(self, store: SecretStore, name: str, clock: Callable[[], datetime]) -> None:
        self._store, self._name, self._clock = store, name, clock
        self._read: dict[str, KeptIdentity] = {}

    def load(self) -> list[KeptIdentity]:
        """Every identity that has not ended, oldest first; what cannot be read as one is in the log.

        Raises KeyUnavailable.
        """
        now = self._clock()
        alive = [version for version in self._store.versions(self._name) if version.is_alive(now)]
        found = {version.version: self._identity(version) for version in alive}
        self._read = {version: identity for version, identity in found.items() if identity is not None}
        return list(self._read.values())

    def add(self, certificate: Certificate, key: SigningKey) -> KeptIdentity:
        """Keep a new identity; the secret's version ends with the certificate. Raises KeyUnavailable."""
        text = to_pem(certificate, key)
        made = self._store.add(self._name, text, media_type=MEDIA_TYPE, ends_at=certificate.not_after)
        return KeptIdentity(certificate, key, made.created_at)

    def _identity(self, version: SecretVersion) -> KeptIdentity | None:
        if version.version in self._read:
            return self._read[version.version]
        text = self._store.read(self._name, version.version)
        try:
            certificate, key = from_text(text)
        except RequestError as error:
            # One bad version must not keep the good ones from being used.
            log.warning("secret %s, version %s: %s", self._name, version.version, error.reason)
            return None
        return KeptIdentity(certificate, key, version.created_at)


def to_pem(certificate: Certificate, key: SigningKey) -> str:
    """The value of a secret."""
    pkcs8 = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (pem("CERTIFICATE", certificate.der) + pem("PRIVATE KEY", pkcs8)).decode("ascii")


def from_text(text: str) -> tuple[Certificate, SigningKey]:
    """Certificate and key in a secret's value. Raises MalformedMessage, which quotes nothing of it."""
    blocks = dict(reversed(from_pem(text.encode("utf-8", "surrogatepass"))))  # the first of a kind counts
    if not {"CERTIFICATE", "PRIVATE KEY"} <= blocks.keys():
        raise MalformedMessage("not a certificate and a PKCS #8 key in PEM")
    certificate = Certificate.from_der(blocks["CERTIFICATE"])
    try:
        key = serialization.load_der_private_key(blocks["PRIVATE KEY"], None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedMessage("a private key that cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise MalformedMessage("a private key that is neither RSA nor EC")
    if key.public_key() != certificate.public_key:
        raise MalformedMessage("a private key that is not the certificate's")
    return certificate, key
