"""A CA kept in a vault: its key never leaves it, its certificates and its RA identities are secrets beside the key.

The secret of certificates is PEM (holdings.py): our own with what their keys are for, what is above them, the roots'
CRLs. Its current version counts. Generations of a CA are versions of one key, found by what their certificates say, so
a key that is rotated in the vault changes nothing here, and a role on the key is a role on all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.ca.holdings import Holdings
from shared.ca.issuer import Issuer
from shared.ca.kept_identities import MEDIA_TYPE, KeptIdentities
from shared.ca.registration import RAIdentity, new_ra_certificate
from shared.errors import IssuanceFault, KeyUnavailable, RequestError
from shared.keys.ports import SigningKey
from shared.keys.secrets import MOST_OCTETS, SecretStore
from shared.x509.certificate import Certificate

_RA_KEY_BITS = 2048


class KeyMaker(Protocol):
    """Makes versions of the CA's key: only people do, in a ceremony."""

    def newest(self) -> SigningKey | None:
        """The version that was made last, None if there is no such key. Raises KeyUnavailable."""

    def make(self, algorithm: str) -> SigningKey:
        """One more version, which can sign and nothing else. Raises KeyUnavailable, ValueError."""


class VaultCA:
    """`find_key` gives the CA key that belongs to a certificate's public key."""

    stale_after = timedelta(minutes=5)

    def __init__(
        self,
        secrets: SecretStore,
        find_key: Callable[[object], SigningKey],
        *,
        chain_secret: str,
        ra_secret: str,
        clock: Callable[[], datetime],
        maker: KeyMaker | None = None,
    ) -> None:
        self._secrets, self._find_key, self._chain_secret = secrets, find_key, chain_secret
        self._maker = maker
        self._ra = KeptIdentities(secrets, ra_secret, clock)

    def is_empty(self) -> bool:
        """Whether no CA certificate was ever installed. Raises KeyUnavailable."""
        return self._secrets.current(self._chain_secret) is None

    def holdings(self) -> Holdings:
        """The certificates of the CA. Raises KeyUnavailable."""
        text = self._secrets.current(self._chain_secret)
        if text is None:
            raise KeyUnavailable(f"no CA certificate is installed: there is no secret {self._chain_secret}")
        try:
            return Holdings.parse(text.encode("utf-8", "surrogatepass"))
        except RequestError as error:
            raise KeyUnavailable(
                f"secret {self._chain_secret} holds no CA certificates: {error.reason}"
            ) from None

    def keep_holdings(self, holdings: Holdings) -> None:
        """A new version of the secret, unless its current one says the same. Raises KeyUnavailable, IssuanceFault."""
        text = holdings.to_pem().decode("ascii")
        if len(text) > MOST_OCTETS:
            raise IssuanceFault(
                f"{len(text)} octets of certificates are more than a secret holds: retire former CAs first"
            )
        if text != self._secrets.current(self._chain_secret):
            self._secrets.add(self._chain_secret, text, media_type=MEDIA_TYPE)

    def signing_key(self, certificate: Certificate) -> SigningKey:
        """The key that a certificate of ours is for. Raises KeyUnavailable."""
        return self._find_key(certificate.public_key)

    def waiting_key(self) -> SigningKey | None:
        """The newest version of the key, if it has no certificate yet. Raises KeyUnavailable."""
        newest = self._making.newest()
        if newest is None or self.is_empty():
            return newest
        known = [own.certificate.public_key for own in self.holdings().own]
        return newest if newest.public_key() not in known else None

    def make_key(self, algorithm: str) -> SigningKey:
        """One more version of the key. Raises KeyUnavailable, ValueError."""
        return self._making.make(algorithm)

    def ra_identities(self) -> list[RAIdentity]:
        """Every RA identity that has not ended, in the order they were made. Raises KeyUnavailable."""
        return [
            RAIdentity(kept.certificate, kept.key, kept.since)
            for kept in self._ra.load()
            if isinstance(kept.key, rsa.RSAPrivateKey)  # SCEP clients seal their requests to it
        ]

    def add_ra_identity(self, issuer: Issuer, *, now: datetime, backdate: timedelta) -> RAIdentity:
        """Make the next RA identity under `issuer` and keep it. Raises KeyUnavailable, IssuanceFault."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RA_KEY_BITS)
        certificate = new_ra_certificate(issuer, key, now=now, backdate=backdate)
        kept = self._ra.add(certificate, key)
        return RAIdentity(certificate, key, kept.since)

    @property
    def _making(self) -> KeyMaker:
        if self._maker is None:
            raise KeyUnavailable("keys are made in a ceremony, not by a worker")
        return self._maker
