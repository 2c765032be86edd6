"""PKCSReq and RenewalReq (RFC 8894 3.3.1): renewal or challenge, policy, then issue, or wait for approval.

Where somebody else has to hear of the outcome first (Intune), the challenge mode's reporter issues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from shared.ca.authority import Issued, Order
from shared.ca.ports import IssuingAuthority
from shared.errors import ChallengeRejected, IntegrityFailure, IssuancePending
from shared.scep.approval import Approvals
from shared.scep.exchange import Exchange
from shared.scep.ports import (
    ChallengeValidator,
    EnrollmentAttempt,
    EnrollmentReporter,
    LateChallenge,
    Vouching,
)
from shared.scep.renewal import Renewals
from shared.store.pending import PendingRequest
from shared.store.ports import Supersession, SupersessionStore
from shared.x509.certificate import CertificateTemplate
from shared.x509.request import CertificateRequest


@dataclass(frozen=True, slots=True)
class Enrolment:
    """`validators` and `reporters` by challenge mode; `backdate` is how far notBefore lies in the past."""

    authority: IssuingAuthority
    validators: Mapping[str, ChallengeValidator]
    renewals: Renewals
    approvals: Approvals
    supersessions: SupersessionStore
    backdate: timedelta
    reporters: Mapping[str, EnrollmentReporter] = field(default_factory=dict)

    def enrol(self, exchange: Exchange) -> Issued | PendingRequest:
        """What the request gets. Raises RequestError, DependencyError, Conflict, IssuanceFault."""
        request = exchange.request()
        with exchange.timeline.step("renewal"):
            renewal = self.renewals.examine(exchange.signer, request, exchange.profile, exchange.now)
        if renewal.order is not None:
            return self._renew(exchange, request, renewal.order, renewal.issuer)
        if not request.challenge:
            raise renewal.refusal
        if not renewal.signer_is_live and exchange.signer.spki != request.spki:
            raise IntegrityFailure("the signer's key is not the key of the request")
        return self._by_challenge(exchange, request, request.challenge)

    def _renew(
        self, exchange: Exchange, request: CertificateRequest, order: Order, issuer: str
    ) -> Issued | PendingRequest:
        issued = self._issue(exchange, self._authorize(exchange, request, order), order)
        if isinstance(issued, Issued) and exchange.profile.supersede is not None:
            self.supersessions.remember(
                Supersession(
                    due=(exchange.now + exchange.profile.supersede).date(),
                    issuer=issuer,
                    serial=order.predecessor,
                    successor=issued.record.serial,
                    successor_issuer=issued.record.issuer,
                )
            )
        return issued

    def _by_challenge(
        self, exchange: Exchange, request: CertificateRequest, challenge: str
    ) -> Issued | PendingRequest:
        attempt = EnrollmentAttempt(
            request, challenge, exchange.transaction_id, exchange.profile, exchange.now, exchange.timeline
        )
        try:
            vouching = self._validate(attempt)
        except LateChallenge as late:
            return self._served_before(exchange, attempt, late)
        order = _order(exchange, vouching, attempt.request)
        if exchange.profile.challenge in self.reporters:
            return self._reported(exchange, attempt, order, vouching.validity)
        template = self._authorize(exchange, request, order, vouching.validity, attempt)
        if exchange.profile.approval:
            return self.approvals.submit(exchange, template, order)
        return self._issue(exchange, template, order)

    def _reported(
        self, exchange: Exchange, attempt: EnrollmentAttempt, order: Order, validity: timedelta | None
    ) -> Issued:
        """Issued and acknowledged, or the failure is told to whoever allowed the request."""
        reporter = self.reporters[exchange.profile.challenge]
        try:
            template = self._authorize(exchange, attempt.request, order, validity, attempt)
            return reporter.issue(attempt, template, order)
        except Exception as error:
            reporter.report_failure(attempt, order, error)
            raise

    def _validate(self, attempt: EnrollmentAttempt) -> Vouching:
        mode = attempt.profile.challenge
        validator = self.validators.get(mode)
        if validator is None:
            raise ChallengeRejected(f"challenge mode {mode} has no validator configured")
        with attempt.timeline.step("challenge"):
            return validator.validate(attempt)

    def _served_before(
        self, exchange: Exchange, attempt: EnrollmentAttempt, late: LateChallenge
    ) -> Issued | PendingRequest:
        """A challenge that has ended still gets what it got in time: the reply may have been lost."""
        order, request = _order(exchange, late.vouching, attempt.request), attempt.request
        if self.approvals.may_wait(exchange.profile):
            outcome = self.approvals.resume(exchange, order, request.key_hash)
            if outcome is not None:
                return outcome
        reporter = self.reporters.get(exchange.profile.challenge)
        if reporter is not None:
            issued = reporter.find_repeat(attempt, order)
        else:
            issued = self.authority.find_repeat(
                order, subject=request.subject, key_hash=request.key_hash, now=exchange.now
            )
        if issued is None:
            raise late
        return issued

    def _authorize(
        self,
        exchange: Exchange,
        request: CertificateRequest,
        order: Order,
        validity: timedelta | None = None,
        attempt: EnrollmentAttempt | None = None,
    ) -> CertificateTemplate:
        exchange.timeline.note("device", order.device)
        exchange.timeline.note("user", order.user)
        with exchange.timeline.step("policy"):
            grant = attempt.grant if attempt else None
            return exchange.profile.authorize(
                request, now=exchange.now, backdate=self.backdate, validity=validity, grant=grant
            )

    def _issue(
        self, exchange: Exchange, template: CertificateTemplate, order: Order
    ) -> Issued | PendingRequest:
        try:
            with exchange.timeline.step("issue"):
                return self.authority.issue(template, order, now=exchange.now)
        except IssuancePending:
            return self.approvals.await_issuer(exchange, template, order)


def _order(exchange: Exchange, vouching: Vouching, request: CertificateRequest) -> Order:
    return Order(
        identity=vouching.identity,
        profile=exchange.profile.name,
        vouched_by=vouching.vouched_by,
        device=vouching.device,
        user=vouching.user,
        challenge_minted_at=vouching.minted_at,
        request=request.der,
    )
