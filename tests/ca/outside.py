"""An outside authority over a store in memory, with the EST server of tests/est behind it, and requests for it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared.asn1 import oids
from shared.ca.authority import Order
from shared.ca.est import EST
from shared.ca.outside import OutsideAuthority
from shared.ca.outside_issuer import OutsideIssuer
from shared.ca.ports import AdapterSettings, OutsideCA
from shared.policy.authorization import Grant, template
from shared.store.memory import MemoryStore
from shared.store.memory_submissions import MemorySubmissions
from shared.store.submissions import Submission
from shared.x509.certificate import CertificateTemplate
from shared.x509.request import CertificateRequest
from tests.ca.stores import WatchedStore
from tests.est.server import PASSWORD, USER, ESTServer

LIFE = timedelta(days=90)
PATIENCE = timedelta(seconds=10)
SID = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"
NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("dev1.example.org"),
    x509.UniformResourceIdentifier("IntuneDeviceId://11111111-2222-3333-4444-555555555555"),
)


def now() -> datetime:
    """The server's certificates are of now."""
    return datetime.now(UTC).replace(microsecond=0)


@lru_cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@lru_cache  # the same request, signature and all
def csr(
    number: int = 0, subject: str = "dev1", names: tuple[x509.GeneralName, ...] = NAMES
) -> CertificateRequest:
    """A device's request, read as one that has arrived."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.COMMON_NAME, subject),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return CertificateRequest.from_der(builder.sign(key(number), hashes.SHA256()).public_bytes(Encoding.DER))


def wanted(request: CertificateRequest, *, life: timedelta = LIFE) -> CertificateTemplate:
    """What a profile makes of it."""
    grant = Grant(frozenset({"digitalSignature", "keyAgreement"}), (oids.EKU_CLIENT_AUTH,))
    return template(request, grant, now=now(), backdate=timedelta(hours=1), life=life)


def order(request: CertificateRequest, identity: str = "challenge-1", *, user: str = "") -> Order:
    return Order(identity, "device", "sealed:tests", device="dev1", user=user, request=request.der)


def settings(server: ESTServer, **more: object) -> AdapterSettings:
    """How to reach the server with a name and password."""
    given = AdapterSettings("est", server.url, server.trust, USER, PASSWORD, seconds=3)
    return dataclasses.replace(given, **more)  # type: ignore[arg-type]


@dataclass
class Outside:
    """A worker over a store that others may share."""

    server: ESTServer
    ca: OutsideCA
    memory: MemoryStore = field(default_factory=MemoryStore)
    submissions: MemorySubmissions = field(default_factory=MemorySubmissions)
    issuer: OutsideIssuer = field(init=False)
    store: WatchedStore = field(init=False)
    authority: OutsideAuthority = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = OutsideIssuer.read("others", self.server.chain)
        self.store = WatchedStore(self.memory)
        self.authority = OutsideAuthority(
            self.issuer, self.ca, self.store, self.submissions, patience=PATIENCE
        )

    @classmethod
    def at(cls, server: ESTServer) -> Outside:
        return cls(server, EST(settings(server)))

    def beside(self) -> Outside:
        """Another worker over the same store."""
        return Outside(self.server, self.ca, self.memory, self.submissions)

    @property
    def left(self) -> list[Submission]:
        """Submissions without a known end."""
        return list(self.submissions.all())
