"""PKIOperation from bytes to bytes: read, open, renewal or challenge, policy, issue, answer (RFC 8894 3.3, 4).

Whatever is wrong after the message could be read is told in a signed CertRep; errors of ours and of what we lean
on pass through, and the HTTP layer translates them.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ca.authority import CertificateAuthority, Issued, Order
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.cms.enveloped import EnvelopedMessage, check_recipient_key
from shared.errors import (
    AlgorithmRefused,
    ChallengeRejected,
    IntegrityFailure,
    MalformedMessage,
    PolicyViolation,
    RequestError,
    UnknownCertificate,
)
from shared.keys.digests import by_name
from shared.policy.profile import Profile
from shared.policy.refusal import quoted
from shared.scep.message import FailInfo, MessageType, PKIMessage, ReplyContext, failure, success
from shared.scep.ports import ChallengeValidator, EnrollmentAttempt, LateChallenge, Vouching
from shared.scep.renewal import Renewals
from shared.store.ports import Supersession, SupersessionStore
from shared.x509.request import CertificateRequest

log = logging.getLogger("scepter.scep")

_FAIL_INFO: Mapping[type[RequestError], FailInfo] = {
    IntegrityFailure: FailInfo.BAD_MESSAGE_CHECK,
    AlgorithmRefused: FailInfo.BAD_ALG,
    UnknownCertificate: FailInfo.BAD_CERT_ID,
}


def fail_info(error: RequestError) -> FailInfo:
    """The failInfo of an error, badRequest for all that have none of their own."""
    return next((info for kind, info in _FAIL_INFO.items() if isinstance(error, kind)), FailInfo.BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class SCEPService:
    """`validators` by challenge mode; `backdate` is how far notBefore lies in the past."""

    authority: CertificateAuthority
    ra: RegistrationAuthority
    validators: Mapping[str, ChallengeValidator]
    renewals: Renewals
    supersessions: SupersessionStore
    backdate: timedelta

    def pki_operation(self, data: bytes, profile: Profile, *, now: datetime) -> bytes:
        """Answer one pkiMessage with a CertRep.

        Raises MalformedMessage (nothing to answer to), DependencyError, Conflict, IssuanceFault.
        """
        message = PKIMessage.parse(data)
        operation = _Operation(self, message, profile, now)
        try:
            return operation.run()
        except RequestError as error:
            log.warning(
                "transaction %s profile %s refused: %s: %s",
                message.transaction_id,
                profile.name,
                type(error).__name__,
                error.reason,
            )
            return operation.refuse(error)


class _Operation:
    """One message on its way; holds what the reply needs as it becomes known."""

    def __init__(self, service: SCEPService, message: PKIMessage, profile: Profile, now: datetime) -> None:
        self.service, self.message, self.profile, self.now = service, message, profile, now
        self.ra: RAIdentity = service.ra.current(now)

    def run(self) -> bytes:
        self.message.verify(allow_legacy=self.profile.legacy_algorithms)
        if self.message.message_type not in (MessageType.PKCS_REQ, MessageType.RENEWAL_REQ):
            raise PolicyViolation(
                f"message type {quoted(self.message.message_type)} is not served",
                public="This message type is not served.",
            )
        check_recipient_key(self.message.signer.public_key)
        request, cipher = self._open()
        issued = self._enrol(request)
        log.info(
            "transaction %s profile %s serial %s %s",
            self.message.transaction_id,
            self.profile.name,
            issued.record.serial,
            "repeated" if issued.repeated else "issued",
        )
        return success(self._context(), self._reply_certificates(issued), cipher=cipher)

    def refuse(self, error: RequestError) -> bytes:
        return failure(self._context(), fail_info(error), error.public)

    def _open(self) -> tuple[CertificateRequest, str]:
        """The request inside. Whatever is wrong in there looks alike from outside (no padding oracle)."""
        legacy = self.profile.legacy_algorithms
        try:
            envelope = self.message.envelope()
            identities = self._recipients(envelope)
            plain, index = envelope.open(
                [(identity.certificate.der, identity.key) for identity in identities], allow_legacy=legacy
            )
            self.ra = identities[index]
            return CertificateRequest.from_der(plain, allow_legacy=legacy), envelope.cipher
        except MalformedMessage as error:
            raise IntegrityFailure(f"inside the envelope: {error.reason}") from error

    def _recipients(self, envelope: EnvelopedMessage) -> tuple[RAIdentity, ...]:
        """The RA's identities; read again if the envelope means none of them (it may know a newer one)."""
        ra = self.service.ra
        identities = ra.identities(self.now)
        if not envelope.is_addressed_to([identity.certificate.der for identity in identities]):
            ra.reload(self.now)
        return ra.identities(self.now)

    def _enrol(self, request: CertificateRequest) -> Issued:
        renewal = self.service.renewals.examine(self.message.signer, request, self.profile, self.now)
        if renewal.order is not None:
            return self._issue(request, renewal.order, None)
        if not request.challenge:
            raise renewal.refusal
        if not renewal.signer_is_live and self.message.signer.spki != request.spki:
            raise IntegrityFailure("the signer's key is not the key of the request")
        return self._by_challenge(request, request.challenge)

    def _by_challenge(self, request: CertificateRequest, challenge: str) -> Issued:
        attempt = EnrollmentAttempt(request, challenge, self.message.transaction_id, self.profile, self.now)
        validator = self.service.validators.get(self.profile.challenge)
        if validator is None:
            raise ChallengeRejected(f"challenge mode {self.profile.challenge} has no validator configured")
        try:
            vouching = validator.validate(attempt)
        except LateChallenge as late:
            return self._served_before(request, late)
        return self._issue(request, self._order(vouching), vouching.validity)

    def _served_before(self, request: CertificateRequest, late: LateChallenge) -> Issued:
        """A challenge that has ended still gets what it got in time: the reply may have been lost."""
        issued = self.service.authority.find_repeat(
            self._order(late.vouching),
            subject=request.subject,
            key_hash=request.key_hash,
            now=self.now,
        )
        if issued is None:
            raise late
        return issued

    def _order(self, vouching: Vouching) -> Order:
        return Order(
            identity=vouching.identity,
            profile=self.profile.name,
            vouched_by=vouching.vouched_by,
            device=vouching.device,
            user=vouching.user,
            challenge_minted_at=vouching.minted_at,
        )

    def _issue(self, request: CertificateRequest, order: Order, validity: timedelta | None) -> Issued:
        template = self.profile.authorize(
            request, now=self.now, backdate=self.service.backdate, validity=validity
        )
        issued = self.service.authority.issue(template, order, now=self.now)
        if order.predecessor and self.profile.supersede is not None:
            self.service.supersessions.remember(
                Supersession(
                    due=(self.now + self.profile.supersede).date(),
                    issuer=issued.record.issuer,
                    serial=order.predecessor,
                    successor=issued.record.serial,
                )
            )
        return issued

    def _reply_certificates(self, issued: Issued) -> tuple[bytes, ...]:
        issuer = self.service.authority.issuer
        more = {"leaf": (), "issuer": (issuer.certificate,), "chain": (issuer.certificate, *issuer.chain)}
        return (issued.certificate.der, *(certificate.der for certificate in more[self.profile.reply]))

    def _context(self) -> ReplyContext:
        return ReplyContext(self.message, self.ra, self._digest(), secrets.token_bytes(16))

    def _digest(self) -> str:
        """The digest of the request if it may be used, so that old clients can read the answer."""
        try:
            return (
                by_name(self.message.signed.digest).require(allow_legacy=self.profile.legacy_algorithms).name
            )
        except AlgorithmRefused:
            return "sha256"
