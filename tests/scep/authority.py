"""A whole SCEP side in memory for tests: a small CA, the service, a mint, and clients to enrol with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from shared.ca import hierarchy
from shared.ca.authority import CertificateAuthority
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.published import PublishedCRLs
from shared.revocation.service import RevocationService
from shared.scep.approval import Approvals
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.challenges.static import StaticChallenges
from shared.scep.client import Reply, Requester, build_csr, build_request, read_reply
from shared.scep.decisions import Decisions
from shared.scep.enrolment import Enrolment
from shared.scep.message import MessageType
from shared.scep.mint import ChallengeMint
from shared.scep.ports import ChallengeValidator
from shared.scep.renewal import Renewals
from shared.scep.retrieval import Retrieval
from shared.scep.service import SCEPService
from shared.store.memory import MemoryPublicationStore, MemoryQueue, MemoryStore, MemoryUseCounter
from shared.store.memory_pending import MemoryPendingRequests
from shared.store.ports import CertificateStore
from shared.x509.certificate import Certificate
from shared.x509.names import Name

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CALLER_SECRET = "caller-secret-of-the-tests"
STATIC_SECRET = "static-secret-of-the-tests"
URL = "http://pki.example.org"

POLICY = """
version = 1

[profiles.device]
title = "Devices"
holder = "device"
challenge = "sealed"
subject.CN = { pattern = "[a-z0-9-]{1,40}", required = true }
subject.O = { pattern = "Example" }
san.dns = { pattern = "[a-z0-9-]+[.]example[.]org" }
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
certificate_only_renewal = true
renewal_window = "50%"

[profiles.user]
title = "Users"
holder = "user"
challenge = "sealed"
subject.CN = { pattern = "[a-z0-9-]{1,40}", required = true }
san.upn = { pattern = "[a-z]+@example[.]org" }
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365

[profiles.static]
title = "Static"
holder = "device"
challenge = "static"
subject.CN = { pattern = "[a-z0-9-]{1,40}", required = true }
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
legacy_algorithms = true

[profiles.approved]
title = "Devices that an administrator approves"
holder = "device"
challenge = "sealed"
approval = true
approval_days = 3
subject.CN = { pattern = "[a-z0-9-]{1,40}", required = true }
subject.O = { pattern = "Example" }
san.dns = { pattern = "[a-z0-9-]+[.]example[.]org" }
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
certificate_only_renewal = true
renewal_window = "50%"

[profiles.approved-static]
title = "Approved, with a shared secret"
holder = "device"
challenge = "static"
approval = true
subject.CN = { pattern = "[a-z0-9-]{1,40}", required = true }
key_usage = { allowed = ["digitalSignature"] }
validity = 90
legacy_algorithms = true

[[callers]]
name = "tests"
profiles = ["device", "user", "approved"]
rate = "100000/minute"

[[static_challenges]]
name = "shared"
profiles = ["static", "approved-static"]
expires = 2030-01-01
"""


@lru_cache
def key(number: int) -> rsa.RSAPrivateKey:
    """A device key; the same for the same number, since making one is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def tiers(algorithm: str) -> tuple[Certificate, Certificate, SigningKey, RAIdentity]:
    """(root, issuing CA, its key, an RA identity) made once for a key algorithm."""
    root_key, issuing_key = software.generate(algorithm), software.generate(algorithm)
    start = NOW - 30 * DAY
    root = hierarchy.self_signed_root(
        root_key, Name.build([("CN", "Root")]), not_before=start, life=7000 * DAY
    )
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(issuing_key),
        subject=Name.build([("O", "Example"), ("CN", "Issuing")]),
        not_before=start,
        life=1800 * DAY,
        base_url=URL,
    )
    issuer = Issuer(issuing, (root,), issuing_key, URL)
    ra_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    template = hierarchy.ra_template(
        public_key_info(ra_key), Name.build([("CN", "RA")]), not_before=start, life=395 * DAY
    )
    ra = issuer.sign(issuer.compose(template, "01" * 19))
    return root, issuing, issuing_key, RAIdentity(ra, ra_key, start)


@dataclass
class World:
    """Everything of one CA in memory. `now` can be moved."""

    algorithm: str = "p-256"
    now: datetime = NOW
    store: MemoryStore = field(default_factory=MemoryStore)
    crl_requests: MemoryQueue = field(default_factory=MemoryQueue)
    requests: MemoryPendingRequests = field(default_factory=MemoryPendingRequests)
    publications: MemoryPublicationStore = field(default_factory=MemoryPublicationStore)

    def __post_init__(self) -> None:
        self.root, issuing, issuing_key, self.ra = tiers(self.algorithm)
        self.issuing_key = issuing_key
        self.issuer = Issuer(issuing, (self.root,), issuing_key, URL)
        self.profiles = Profiles.parse(POLICY)
        self.sealed = SealedChallenges([Fernet.generate_key()])
        self.mint = ChallengeMint(self.profiles, {"tests": CALLER_SECRET}, self.sealed)
        self.registration = RegistrationAuthority(lambda: [self.ra])
        self.authority = CertificateAuthority(self.issuer, self.store)
        self.revocations = RevocationService(
            self.store, CRLRequests(self.crl_requests, lambda: self.now), lambda: self.now
        )
        static = StaticChallenges(
            self.profiles.static_challenges, {"shared": STATIC_SECRET}, MemoryUseCounter()
        )
        self.validators: dict[str, ChallengeValidator] = {"sealed": self.sealed, "static": static}
        self.decisions = Decisions(self.requests, lambda _: self.authority)
        self.service = self.worker()

    def worker(
        self, *, store: CertificateStore | None = None, registration: RegistrationAuthority | None = None
    ) -> SCEPService:
        """A worker of its own over the world's storage, or over `store` instead of its certificates."""
        records = store or self.store
        authority, renewals = CertificateAuthority(self.issuer, records), Renewals(self.issuer, records)
        approvals = Approvals(self.requests, authority, renewals, DAY)
        return SCEPService(
            issuers=self.issuer,
            ra=registration or self.registration,
            enrolment=Enrolment(
                authority=authority,
                validators=self.validators,
                renewals=renewals,
                approvals=approvals,
                supersessions=self.store,
                backdate=DAY,
            ),
            approvals=approvals,
            retrieval=Retrieval(self.issuer, records, renewals, PublishedCRLs(lambda: self.publications)),
        )

    def profile(self, name: str = "device") -> Profile:
        return self.profiles.profiles[name]

    def challenge(self, subject: str = "CN=dev1,O=Example", **order: object) -> str:
        """A sealed challenge for `subject`, for device dev1 unless the order says otherwise."""
        from json import dumps

        body = {"profile": "device", "subject": subject, "device": "dev1", **order}
        return self.mint.mint(CALLER_SECRET, dumps(body).encode(), now=self.now).challenge

    def send(
        self,
        csr: bytes,
        requester: Requester,
        *,
        kind: MessageType = MessageType.PKCS_REQ,
        profile: str = "device",
        transaction_id: str | None = None,
        cipher: str = "aes-256-cbc",
        digest: str = "sha256",
    ) -> Reply:
        """One PKIOperation through the service."""
        message, transaction, nonce = build_request(
            csr,
            requester,
            self.ra.certificate,
            message_type=kind,
            transaction_id=transaction_id,
            cipher=cipher,
            digest=digest,
        )
        answer = self.service.pki_operation(message, self.profile(profile), now=self.now)
        return read_reply(answer, requester, self.ra.certificate, transaction_id=transaction, nonce=nonce)


def csr(
    subject: str = "CN=dev1,O=Example",
    *,
    challenge: str | None = None,
    sans: Sequence[x509.GeneralName] = (),
    number: int = 0,
) -> bytes:
    """A request with device key `number`."""
    return build_csr(key(number), x509.Name.from_rfc4514_string(subject), challenge=challenge, sans=sans)


@lru_cache
def self_signed(number: int = 0, subject: str = "CN=dev1") -> Requester:
    """A requester as at a first enrolment."""
    name = x509.Name.from_rfc4514_string(subject)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key(number).public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key(number), hashes.SHA256())
    )
    return Requester(Certificate.from_der(certificate.public_bytes(Encoding.DER)), key(number))
