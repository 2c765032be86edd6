"""Publishing the CA certificates (RFC 5280 4.2.2.1): each as DER and PEM at its AIA URL, chains, the roots' CRLs.

Of every CA, successors and former ones too: whoever is to trust a successor should find it before it issues.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.asn1.pem import pem
from shared.ca.issuer import issuer_id
from shared.ca.roster import Generation, Roster, is_issued_by
from shared.cms.signing import degenerate
from shared.store.ports import PublicationStore
from shared.x509.certificate import Certificate

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class CACertificatePublisher:
    """Publishes what `roster` says."""

    roster: Roster
    publications: PublicationStore

    def publish(self) -> None:
        """Put every CA certificate, the chains, the cross-certificates and the roots' CRLs. Idempotent."""
        for name, certificate in dict(self._certificates()).items():
            self._put(f"ca/{name}.cer", certificate.der, "application/pkix-cert")
            self._put(f"ca/{name}.pem", _pem(certificate), "application/x-pem-file")
        for generation in self.roster.generations:
            self._publish_chain(generation)
        for root, crl in self.roster.root_crls.items():
            self._put(f"crl/{root}.crl", crl, "application/pkix-crl")
            self._put(f"crl/{root}.crl.pem", pem("X509 CRL", crl), "application/x-pem-file")

    def _certificates(self) -> Iterator[tuple[str, Certificate]]:
        """By name: its key's id; for a cross-certificate also that of whoever gave it."""
        for generation in self.roster.generations:
            for certificate in (generation.certificate, *generation.chain):
                yield issuer_id(certificate.spki), certificate
        for cross in self.roster.crosses:
            givers = (each for each in self.roster.roots if is_issued_by(cross, each))
            yield from ((f"{issuer_id(cross.spki)}-{issuer_id(each.spki)}", cross) for each in givers)

    def _publish_chain(self, generation: Generation) -> None:
        """In PEM the chain as it is; in PKCS #7, where no order is meant, cross-certificates of it too."""
        chain, name = (generation.certificate, *generation.chain), f"ca/{generation.id}-chain"
        keys = {each.spki for each in chain}
        bag = [*chain, *(each for each in self.roster.crosses if each.spki in keys)]
        self._put(f"{name}.pem", b"".join(map(_pem, chain)), "application/x-pem-file")
        self._put(f"{name}.p7c", degenerate([each.der for each in bag]), "application/pkcs7-mime")

    def _put(self, name: str, data: bytes, media_type: str) -> None:
        self.publications.put(name, data, content_type=media_type, max_age=_DAY, overwrite=True)


def _pem(certificate: Certificate) -> bytes:
    return pem("CERTIFICATE", certificate.der)
