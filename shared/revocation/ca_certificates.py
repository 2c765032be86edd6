"""Publishing the CA certificates (RFC 5280 4.2.2.1): each as DER and PEM at its AIA URL, the chain, the root's CRL."""

from __future__ import annotations

from dataclasses import dataclass

from shared.asn1.pem import pem
from shared.ca.issuer import Issuer, issuer_id
from shared.cms.signing import degenerate
from shared.store.ports import PublicationStore
from shared.x509.certificate import Certificate

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class CACertificatePublisher:
    """`root_crl` is the CRL (DER) that the root signed when its key was last at hand, or None."""

    issuer: Issuer
    publications: PublicationStore
    root_crl: bytes | None

    def publish(self) -> None:
        """Put every CA certificate, the chain and the root's CRL. Idempotent."""
        chain = [self.issuer.certificate, *self.issuer.chain]
        for certificate in chain:
            name = f"ca/{issuer_id(certificate.spki)}"
            self._put(f"{name}.cer", certificate.der, "application/pkix-cert")
            self._put(f"{name}.pem", _pem(certificate), "application/x-pem-file")
        name = f"ca/{self.issuer.id}-chain"
        self._put(f"{name}.pem", b"".join(map(_pem, chain)), "application/x-pem-file")
        self._put(
            f"{name}.p7c", degenerate([certificate.der for certificate in chain]), "application/pkcs7-mime"
        )
        self._publish_root_crl(issuer_id(chain[-1].spki))

    def _publish_root_crl(self, root: str) -> None:
        if self.root_crl is not None:
            self._put(f"crl/{root}.crl", self.root_crl, "application/pkix-crl")
            self._put(f"crl/{root}.crl.pem", pem("X509 CRL", self.root_crl), "application/x-pem-file")

    def _put(self, name: str, data: bytes, media_type: str) -> None:
        self.publications.put(name, data, content_type=media_type, max_age=_DAY, overwrite=True)


def _pem(certificate: Certificate) -> bytes:
    return pem("CERTIFICATE", certificate.der)
