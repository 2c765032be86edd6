"""A whole hierarchy of one key algorithm: root, issuing CA, RA, a device, OCSP responders, and both CRLs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from shared.asn1.pem import pem
from shared.ca import hierarchy
from shared.ca.issuer import Issuer
from shared.ca.responder_identity import ResponderIdentity, make_identity, make_root_identity
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.revocation.publication import CRLPublisher
from shared.revocation.scopes import CRLPlan
from shared.store.memory import MemoryPublicationStore, MemoryStore
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from shared.x509.request import CertificateRequest
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW, URL, World, csr, key

ALGORITHMS = ("rsa-2048", "p-256", "p-384")
START = NOW - DAY
ROOT_LIFE, ISSUING_LIFE = 7000 * DAY, 1800 * DAY


@dataclass(frozen=True)
class Hierarchy:
    root: Certificate
    root_key: SigningKey
    root_crl: bytes
    issuer: Issuer
    crl: bytes
    ra: Certificate
    device: Certificate
    responder: ResponderIdentity
    root_responder: ResponderIdentity

    def certificates(self) -> dict[str, Certificate]:
        return {
            "root": self.root,
            "issuing": self.issuer.certificate,
            "ra": self.ra,
            "device": self.device,
            "responder": self.responder.certificate,
            "root-responder": self.root_responder.certificate,
        }

    def write(self, openssl: OpenSSL) -> None:
        """root.pem, issuing.pem and so on, and crls.pem, for openssl."""
        for name, certificate in self.certificates().items():
            (openssl.folder / f"{name}.pem").write_bytes(pem("CERTIFICATE", certificate.der))
        crls = pem("X509 CRL", self.root_crl) + pem("X509 CRL", self.crl)
        (openssl.folder / "crls.pem").write_bytes(crls)


@lru_cache
def hierarchy_of(algorithm: str) -> Hierarchy:
    """Made once for each algorithm of a run."""
    root_key, issuing_key = software.generate(algorithm), software.generate(algorithm)
    name = Name.build([("O", "Example"), ("CN", "Root")])
    root = hierarchy.self_signed_root(root_key, name, not_before=START, life=ROOT_LIFE)
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(issuing_key),
        subject=Name.build([("O", "Example"), ("CN", "Issuing")]),
        not_before=START,
        life=ISSUING_LIFE,
        base_url=URL,
    )
    issuer = Issuer(issuing, (root,), issuing_key, URL)
    template = hierarchy.ra_template(
        public_key_info(key(0)), Name.build([("CN", "RA")]), not_before=START, life=365 * DAY
    )
    return Hierarchy(
        root=root,
        root_key=root_key,
        root_crl=hierarchy.root_crl(root, root_key, now=NOW, life=365 * DAY),
        issuer=issuer,
        crl=empty_crl(issuer),
        ra=issuer.sign(issuer.compose(template, "25aa" + "07" * 17)),
        device=device_of(issuer),
        responder=make_identity(issuer, now=NOW, backdate=DAY),
        root_responder=make_root_identity(root, root_key, now=NOW, backdate=DAY),
    )


def device_of(issuer: Issuer, serial: str = "25aa" + "08" * 17) -> Certificate:
    """A device's certificate, by way of its profile and with notBefore a day back."""
    request = CertificateRequest.from_der(csr())
    template = World().profile().authorize(request, now=NOW, backdate=DAY)
    return issuer.sign(issuer.compose(template, serial))


def empty_crl(issuer: Issuer) -> bytes:
    """The first CRL of an issuer."""
    publications = MemoryPublicationStore()
    publisher = CRLPublisher(issuer, MemoryStore(), publications, CRLPlan(3 * DAY), lambda: NOW)
    publisher.publish()
    published = publications.read(publisher.name)
    assert published is not None
    return published.data
