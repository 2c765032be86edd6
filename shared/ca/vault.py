"""A CA kept in a vault: its key never leaves it, its certificates and its RA identities are secrets beside the key.

The secret of certificates is PEM: the issuing CA, its chain up to the root, and the root's CRL where there is one. Its
current version counts. It says which key belongs to it, so a key that is rotated in the vault changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1.pem import from_pem, pem
from shared.ca.issuer import Issuer
from shared.ca.kept_identities import MEDIA_TYPE, KeptIdentities
from shared.ca.registration import RAIdentity, new_ra_certificate
from shared.errors import IssuanceFault, KeyUnavailable, RequestError
from shared.keys.ports import SigningKey
from shared.keys.secrets import SecretStore
from shared.x509.certificate import Certificate
from shared.x509.crl import verify_crl

_RA_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class _Chain:
    certificates: tuple[Certificate, ...]
    root_crl: bytes | None


class VaultCA:
    """`find_key` gives the CA key that belongs to a certificate's public key."""

    def __init__(
        self,
        secrets: SecretStore,
        find_key: Callable[[object], SigningKey],
        *,
        chain_secret: str,
        ra_secret: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._secrets, self._find_key, self._chain_secret = secrets, find_key, chain_secret
        self._ra = KeptIdentities(secrets, ra_secret, clock)

    def install(
        self, certificates: Sequence[Certificate], root_crl: bytes | None, *, base_url: str
    ) -> Issuer:
        """Keep the CA's certificates, its own first and the root last, after proving that they are this key's.

        Raises IssuanceFault, KeyUnavailable.
        """
        issuer = self._issuer(_Chain(tuple(certificates), root_crl), base_url)
        if root_crl is not None:
            try:
                verify_crl(root_crl, certificates[-1].public_key)
            except RequestError as error:
                raise IssuanceFault(f"the CRL is not the root's: {error.reason}") from error
        blocks = [pem("CERTIFICATE", certificate.der) for certificate in certificates]
        blocks += [pem("X509 CRL", root_crl)] if root_crl is not None else []
        text = b"".join(blocks).decode("ascii")
        if text != self._secrets.current(self._chain_secret):
            self._secrets.add(self._chain_secret, text, media_type=MEDIA_TYPE)
        return issuer

    def issuer(self, base_url: str, *, ocsp: bool = True) -> Issuer:
        """The issuing CA with its chain. Raises KeyUnavailable, IssuanceFault."""
        return self._issuer(self._chain(), base_url, ocsp=ocsp)

    def ca_certificates(self) -> list[Certificate]:
        """Every CA certificate that the root has issued and that is known here. Raises KeyUnavailable."""
        return list(self._chain().certificates)

    def successor(self) -> Certificate | None:
        """The CA that will issue next: none is prepared in a vault yet."""
        return None

    def root_crl(self) -> bytes | None:
        """The CRL (DER) that the root signed last, or None."""
        return self._chain().root_crl

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

    def _issuer(self, chain: _Chain, base_url: str, *, ocsp: bool = True) -> Issuer:
        own, *parents = chain.certificates
        return Issuer(own, tuple(parents), self._find_key(own.public_key), base_url, ocsp)

    def _chain(self) -> _Chain:
        text = self._secrets.current(self._chain_secret)
        if text is None:
            raise KeyUnavailable(f"no CA certificate is installed: there is no secret {self._chain_secret}")
        try:
            blocks = from_pem(text.encode("utf-8", "surrogatepass"))
            certificates = [Certificate.from_der(der) for label, der in blocks if label == "CERTIFICATE"]
        except RequestError as error:
            raise KeyUnavailable(
                f"secret {self._chain_secret} holds no CA certificates: {error.reason}"
            ) from None
        if not certificates:
            raise KeyUnavailable(f"secret {self._chain_secret} holds no CA certificates")
        crls = [der for label, der in blocks if label == "X509 CRL"]
        return _Chain(tuple(certificates), crls[0] if crls else None)
