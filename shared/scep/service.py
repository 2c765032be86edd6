"""PKIOperation from bytes to bytes (RFC 8894 3.3, 4.3): read the message, verify it, serve its type, answer.

Whatever is wrong after the message could be read is told in a signed CertRep; errors of ours and of what we lean
on pass through, and the HTTP layer translates them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.ca.authority import Issued
from shared.ca.issuers import KnownCAs
from shared.ca.registration import RegistrationAuthority
from shared.errors import PolicyViolation, RequestError
from shared.policy.profile import Profile
from shared.policy.refusal import quoted
from shared.scep.approval import Approvals
from shared.scep.enrolment import Enrolment
from shared.scep.exchange import Exchange
from shared.scep.message import MessageType, PKIMessage
from shared.scep.ports import UNTRACED, Timeline
from shared.scep.retrieval import Retrieval
from shared.store.pending import PendingRequest
from shared.x509.certificate import Certificate

log = logging.getLogger("scepter.scep")


@dataclass(frozen=True, slots=True)
class SCEPService:
    """One part for each kind of message: `enrolment` (17, 19), `approvals` (20), `retrieval` (21, 22)."""

    issuers: KnownCAs
    ra: RegistrationAuthority
    enrolment: Enrolment
    approvals: Approvals
    retrieval: Retrieval

    def pki_operation(
        self, data: bytes, profile: Profile, *, now: datetime, timeline: Timeline = UNTRACED
    ) -> bytes:
        """Answer one pkiMessage with a CertRep, and note on `timeline` how that went.

        Raises MalformedMessage (nothing to answer to), DependencyError, Conflict, IssuanceFault.
        """
        with timeline.step("parse"):
            message = PKIMessage.parse(data)
        timeline.note("transaction", message.transaction_id)
        timeline.note("operation", message.message_type)
        issuer = self.issuers.in_charge(profile.name, now).certificate
        exchange = Exchange(message, profile, self.ra, now, timeline, issuer=issuer)
        try:
            return self._serve(exchange)
        except RequestError as error:
            return exchange.failure(error)
        finally:
            exchange.warn_of_legacy()

    def _serve(self, exchange: Exchange) -> bytes:
        exchange.verify()
        kind = exchange.message.message_type
        if kind in (MessageType.PKCS_REQ, MessageType.RENEWAL_REQ):
            return self._deliver(exchange, self.enrolment.enrol(exchange))
        if kind == MessageType.CERT_POLL:
            return self._deliver(exchange, self.approvals.poll(exchange))
        if kind == MessageType.GET_CERT:
            return exchange.success([self.retrieval.certificate(exchange)])
        if kind == MessageType.GET_CRL:
            return exchange.success([], [self.retrieval.crl(exchange)])
        raise PolicyViolation(
            f"message type {quoted(kind)} is not served", public="This message type is not served."
        )

    def _deliver(self, exchange: Exchange, outcome: Issued | PendingRequest) -> bytes:
        if isinstance(outcome, PendingRequest):
            return exchange.pending()
        log.info(
            "transaction %s profile %s serial %s %s",
            exchange.transaction_id,
            exchange.profile.name,
            outcome.record.serial,
            "repeated" if outcome.repeated else "issued",
        )
        exchange.timeline.note("serial", outcome.record.serial)
        chain = self._above(outcome, exchange.profile.reply)
        return exchange.success([outcome.certificate.der, *(certificate.der for certificate in chain)])

    def _above(self, issued: Issued, reply: str) -> Sequence[Certificate]:
        """What goes with a certificate. Its issuer need not be the one that issues by now: it may be a repeat."""
        issuer = next((each for each in self.issuers.known() if each.id == issued.record.issuer), None)
        if issuer is None or reply == "leaf":
            return ()
        return (issuer.certificate, *issuer.chain) if reply == "chain" else (issuer.certificate,)
