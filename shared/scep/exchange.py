"""One message on its way to its answer: opening what was sent, and the CertReps that go back (RFC 8894 3.2, 3.3)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.cms.algorithms import cipher_by_oid
from shared.cms.enveloped import EnvelopedMessage, check_recipient_key
from shared.errors import (
    AlgorithmRefused,
    IntegrityFailure,
    MalformedMessage,
    RequestError,
    UnknownCertificate,
)
from shared.keys.digests import by_name
from shared.policy.profile import Profile
from shared.scep import legacy
from shared.scep.message import FailInfo, PKIMessage, PKIStatus, ReplyContext, failure, pending, success
from shared.scep.ports import ChallengeRefused, Timeline
from shared.x509.certificate import Certificate
from shared.x509.request import CertificateRequest

log = logging.getLogger("scepter.scep")

_FAIL_INFO: Final[Mapping[type[RequestError], FailInfo]] = {
    IntegrityFailure: FailInfo.BAD_MESSAGE_CHECK,
    AlgorithmRefused: FailInfo.BAD_ALG,
    UnknownCertificate: FailInfo.BAD_CERT_ID,
}

Content = TypeVar("Content")


def fail_info(error: RequestError) -> FailInfo:
    """The failInfo of an error, badRequest for all that have none of their own."""
    if isinstance(error, ChallengeRefused):
        return error.fail_info
    return next((info for kind, info in _FAIL_INFO.items() if isinstance(error, kind)), FailInfo.BAD_REQUEST)


class Exchange:
    """A pkiMessage under a profile. Which RA and which cipher answer it is known once it was opened."""

    def __init__(
        self,
        message: PKIMessage,
        profile: Profile,
        registration: RegistrationAuthority,
        now: datetime,
        timeline: Timeline,
        *,
        issuer: Certificate,
    ) -> None:
        """`issuer` is the CA of the profile, whose RA answers what cannot be opened."""
        self.message, self.profile, self.now, self.timeline = message, profile, now, timeline
        self._registration = registration
        self._ra: RAIdentity = registration.current(now, issuer)
        self._cipher = "aes-256-cbc"
        self._legacy = legacy.in_message(message.signed)

    @property
    def signer(self) -> Certificate:
        """Who signed the message: its own maker at a first enrolment, a certificate's holder later."""
        return self.message.signer

    @property
    def transaction_id(self) -> str:
        return self.message.transaction_id

    def verify(self) -> None:
        """The outer signature, and whether its signer can be answered. Raises IntegrityFailure, AlgorithmRefused."""
        with self.timeline.step("verify"):
            self.message.verify(allow_legacy=self.profile.legacy_algorithms)
        check_recipient_key(self.signer.public_key)

    def request(self) -> CertificateRequest:
        """The certification request inside. Raises IntegrityFailure, AlgorithmRefused."""
        allow_legacy = self.profile.legacy_algorithms
        request = self.open(lambda plain: CertificateRequest.from_der(plain, allow_legacy=allow_legacy))
        if allow_legacy:  # else there is none
            self._legacy |= legacy.in_request(request)
        self.timeline.note("subject", request.subject.text())
        return request

    def open(self, read: Callable[[bytes], Content]) -> Content:
        """What `read` makes of the content. Whatever is wrong in there looks alike from outside (no padding oracle).

        Raises IntegrityFailure, AlgorithmRefused.
        """
        try:
            with self.timeline.step("open"):
                envelope = self.message.envelope()
                identities = self._recipients(envelope)
                plain, index = envelope.open(
                    [(identity.certificate.der, identity.key) for identity in identities],
                    allow_legacy=self.profile.legacy_algorithms,
                )
                self._ra = identities[index]
                self._answer_with(envelope.cipher_oid)
            with self.timeline.step("request"):
                return read(plain)
        except MalformedMessage as error:
            raise IntegrityFailure(f"inside the envelope: {error.reason}") from error

    def address(self) -> None:
        """Take RA and cipher from an envelope whose content does not matter; one that cannot be read changes nothing.

        Raises AlgorithmRefused.
        """
        try:
            envelope = self.message.envelope()
            for identity in self._recipients(envelope):
                if envelope.is_addressed_to([identity.certificate.der]):
                    self._ra = identity
        except MalformedMessage:
            return
        self._answer_with(envelope.cipher_oid)

    def success(self, certificates: Sequence[bytes], crls: Sequence[bytes] = ()) -> bytes:
        """CertRep SUCCESS with certificates and CRLs (DER)."""
        self.timeline.note("status", PKIStatus.SUCCESS.name)
        with self.timeline.step("reply"):
            return success(self._context(), certificates, crls, cipher=self._cipher)

    def pending(self) -> bytes:
        """CertRep PENDING: come again."""
        self.timeline.note("status", PKIStatus.PENDING.name)
        with self.timeline.step("reply"):
            return pending(self._context())

    def failure(self, error: RequestError) -> bytes:
        """CertRep FAILURE with what a stranger may read of `error`, which goes to the log whole."""
        info = fail_info(error)
        self.timeline.refused(error, info.name)
        log.warning(
            "transaction %s profile %s refused: %s: %s",
            self.transaction_id,
            self.profile.name,
            type(error).__name__,
            error.reason,
        )
        with self.timeline.step("reply"):
            return failure(self._context(), info, error.public)

    def warn_of_legacy(self) -> None:
        """One loud line if an algorithm was accepted only because the profile takes legacy ones."""
        if self._legacy and self.profile.legacy_algorithms:
            advice = legacy.advice(self._legacy)
            log.warning("transaction %s profile %s LEGACY %s", self.transaction_id, self.profile.name, advice)

    def _recipients(self, envelope: EnvelopedMessage) -> tuple[RAIdentity, ...]:
        """The RA's identities; read again if the envelope means none of them (it may know a newer one)."""
        identities = self._registration.identities(self.now)
        if envelope.is_addressed_to([identity.certificate.der for identity in identities]):
            return identities
        self._registration.reload(self.now)
        return self._registration.identities(self.now)

    def _answer_with(self, cipher_oid: str) -> None:
        cipher = cipher_by_oid(cipher_oid).require(allow_legacy=self.profile.legacy_algorithms)
        self._cipher = cipher.name
        self._legacy |= legacy.in_envelope(cipher)

    def _context(self) -> ReplyContext:
        return ReplyContext(self.message, self._ra, self._digest(), secrets.token_bytes(16))

    def _digest(self) -> str:
        """The digest of the request if it may be used, so that old clients can read the answer."""
        try:
            return (
                by_name(self.message.signed.digest).require(allow_legacy=self.profile.legacy_algorithms).name
            )
        except AlgorithmRefused:
            return "sha256"
