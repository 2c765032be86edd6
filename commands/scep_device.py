"""A device that enrols by SCEP: its key and certificate, and what it has asked for and not yet got."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from commands.scep_server import SCEPServer, ServerProblem
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys.ports import public_key_info
from shared.scep.advertised import LEGACY, Capabilities, Finding, Suite
from shared.scep.applicant import Applicant
from shared.scep.ca_certificates import CACertificates
from shared.scep.client import Reply, Requester, build_request, issuer_and_subject, read_reply
from shared.scep.message import MessageType, PKIStatus
from shared.x509.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent: by whom, for whom, in which transaction."""

    applicant: Applicant
    requester: Requester
    key: rsa.RSAPrivateKey
    transaction_id: str


class Device:
    """Enrols at a SCEP URL. `requester` signs its renewals: the key and certificate it got.

    `legacy` sends what old devices send; else the algorithms are the best that the server advertises.
    `findings` are those of the latest exchange.
    """

    def __init__(
        self,
        url: str,
        http: httpx.Client | None = None,
        *,
        legacy: bool = False,
        key_size: int = 2048,
        ca_identifier: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(microsecond=0),
    ) -> None:
        self.clock = clock
        self.server = SCEPServer(url, http, ca_identifier=ca_identifier)
        self.capabilities, self.findings = Capabilities(()), tuple[Finding, ...]()
        self.requester: Requester | None = None
        self.legacy, self._key_size = legacy, key_size
        self.key = self._fresh_key()
        self._asked: Asked | None = None
        self._ca: CACertificates | None = None

    def discover(self) -> None:
        """GetCACaps and GetCACert. Raises ServerProblem."""
        self.get_capabilities()
        self.get_ca_certificates()

    def get_capabilities(self) -> None:
        """Learn what the server can do. Raises ServerProblem."""
        self.capabilities = self.server.capabilities()

    def get_ca_certificates(self) -> None:
        """Learn whom to seal to and whom to believe. Raises ServerProblem."""
        self._ca = self.server.ca_certificates(self.clock())

    @property
    def ca(self) -> CACertificates:
        """What GetCACert said; it is asked if it was not yet. Raises ServerProblem."""
        if self._ca is None:
            self.get_ca_certificates()
        assert self._ca is not None  # noqa: S101
        return self._ca

    @property
    def applicant(self) -> Applicant:
        """For whom a certificate was asked last. Raises ServerProblem."""
        if self._asked is None:
            raise ServerProblem("nothing was asked for", "enrol first")
        return self._asked.applicant

    @property
    def suite(self) -> Suite:
        """The algorithms of the requests. Raises ServerProblem if none is sound that the server advertises."""
        if self.legacy:
            return LEGACY
        try:
            return self.capabilities.suite()
        except AlgorithmRefused as error:
            remedy = "enable AES and SHA-256 there, or let --legacy try what old devices send"
            raise ServerProblem(error.reason, remedy) from None

    def enrol(self, subject: str, sans: Sequence[str], challenge: str | None) -> Reply:
        """PKCSReq with the device's key and a self-signed certificate. Raises RequestError, ServerProblem."""
        applicant, digest = Applicant.of(subject, sans), self.suite.digest
        requester = applicant.self_signed(self.key, now=self.clock(), digest=digest)
        asked = Asked(applicant, requester, self.key, secrets.token_hex(20))
        request = applicant.request(self.key, challenge=challenge, digest=digest)
        return self._ask(request, asked, MessageType.PKCS_REQ)

    def renew(self, subject: str, sans: Sequence[str], challenge: str | None = None) -> Reply:
        """RenewalReq for a fresh key, signed with the present certificate. Raises RequestError, ServerProblem."""
        if self.requester is None:
            raise ServerProblem("there is no certificate to renew with", "enrol first")
        applicant, key = Applicant.of(subject, sans), self._fresh_key()
        asked = Asked(applicant, self.requester, key, secrets.token_hex(20))
        request = applicant.request(key, challenge=challenge, digest=self.suite.digest)
        return self._ask(request, asked, MessageType.RENEWAL_REQ)

    def poll(self) -> Reply:
        """CertPoll for the request that is PENDING (RFC 8894 3.3.3). Raises ServerProblem."""
        if self._asked is None:
            raise ServerProblem("nothing was asked for that could be pending", "enrol first")
        content = issuer_and_subject(self.ca.issuer.subject, self._asked.applicant.subject)
        return self._ask(content, self._asked, MessageType.CERT_POLL)

    def post(
        self, content: bytes, requester: Requester, kind: MessageType, *, transaction_id: str | None = None
    ) -> Reply:
        """One PKIOperation, by GET where the server takes no POST. Raises ServerProblem."""
        suite = self.suite
        message, transaction, nonce = build_request(
            content,
            requester,
            self.ca.recipient,
            message_type=kind,
            transaction_id=transaction_id,
            cipher=suite.cipher,
            digest=suite.digest,
        )
        answer, self.findings = self.server.pki_operation(
            message, post=self.capabilities.has("POSTPKIOperation")
        )
        try:
            signer = self.ca.signer_of(answer)
            return read_reply(answer, requester, signer, transaction_id=transaction, nonce=nonce)
        except (MalformedMessage, IntegrityFailure, AlgorithmRefused) as error:
            remedy = "compare GetCACert with the RA that the server really uses, and see the server's log"
            raise ServerProblem(f"the reply to {kind.name}: {error.reason}", remedy) from None

    def _ask(self, content: bytes, asked: Asked, kind: MessageType) -> Reply:
        self._asked = asked
        reply = self.post(content, asked.requester, kind, transaction_id=asked.transaction_id)
        if reply.status is PKIStatus.SUCCESS:
            self.key, self.requester = asked.key, Requester(_issued(reply, asked), asked.key)
        return reply

    def _fresh_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=self._key_size)


def _issued(reply: Reply, asked: Asked) -> Certificate:
    issued = reply.issued_to(public_key_info(asked.key))
    if issued is None:
        seen = f"the reply has {len(reply.certificates)} certificates, none for the key of the request"
        raise ServerProblem(seen, "the server must certify the key it was asked for")
    return issued
