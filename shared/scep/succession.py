"""GetNextCACert (RFC 8894 4.7): the CA that will issue next, vouched for by the one that issues now."""

from __future__ import annotations

from shared.ca.issuer import Issuer
from shared.cms.signing import degenerate, sign_message
from shared.keys.signatures import parse_scheme
from shared.x509.certificate import Certificate


class Succession:
    """Announces with the keys of whoever issues."""

    def __init__(self) -> None:
        self._signed: dict[str, tuple[bytes, bytes]] = {}

    def message(self, issuer: Issuer, successor: Certificate) -> bytes:
        """SignedData around a certs-only message with the successor.

        Signed by the CA's own key, as the RFC says: a client that trusts the CA must not have to trust an RA in this.
        Strangers may ask as often as they like, so it is signed once per worker and successor.
        Raises KeyUnavailable, IssuanceFault.
        """
        known = self._signed.get(issuer.id)
        if known is None or known[0] != successor.der:
            known = self._signed[issuer.id] = successor.der, _sign(issuer, successor)
        return known[1]


def _sign(issuer: Issuer, successor: Certificate) -> bytes:
    digest = parse_scheme(issuer.algorithm).digest
    return sign_message(
        degenerate([successor.der]),
        (),
        certificate=issuer.certificate.der,
        key=issuer.key,
        digest=digest.name if digest else "sha256",
        extra=[successor.der],  # where some clients look for it, jscep for one
    )
