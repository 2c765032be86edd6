"""GetNextCACert (RFC 8894 4.7): the CA that will issue next, vouched for by the one that issues now."""

from __future__ import annotations

from collections.abc import Callable

from shared.ca.issuer import Issuer
from shared.cms.signing import degenerate, sign_message
from shared.keys.signatures import parse_scheme
from shared.x509.certificate import Certificate


class Succession:
    """`find` looks for the certificate of the successor; None as long as there is none."""

    def __init__(self, issuer: Issuer, find: Callable[[], Certificate | None]) -> None:
        self._issuer, self._find = issuer, find
        self._signed: tuple[bytes, bytes] | None = None

    def message(self) -> bytes | None:
        """SignedData around a certs-only message with the successor, None if there is none.

        Signed by the CA's own key, as the RFC says: a client that trusts the CA must not have to trust an RA in this.
        Strangers may ask as often as they like, so it is signed once per worker and successor.
        Raises KeyUnavailable, IssuanceFault.
        """
        successor = self._find()
        if successor is None:
            return None
        if self._signed is None or self._signed[0] != successor.der:
            self._signed = successor.der, self._sign(successor)
        return self._signed[1]

    def _sign(self, successor: Certificate) -> bytes:
        digest = parse_scheme(self._issuer.algorithm).digest
        return sign_message(
            degenerate([successor.der]),
            (),
            certificate=self._issuer.certificate.der,
            key=self._issuer.key,
            digest=digest.name if digest else "sha256",
            extra=[successor.der],  # where some clients look for it, jscep for one
        )
