"""Enrolments in mode "intune" from the allowed request on: issued, released, or their failure noted to be told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from shared.ca.authority import CertificateAuthority, Issued, Order
from shared.ca.issuers import Issuers
from shared.errors import ChallengeRejected, Conflict, DependencyError, IntuneUnavailable
from shared.intune.hresults import description_of, hresult_of
from shared.intune.release import NotReleased, Release
from shared.intune.wire import CallRefused
from shared.scep.ports import EnrollmentAttempt
from shared.store.outbox import FailureReport, FailureReports, Unreported
from shared.store.ports import CertificateRecord, CertificateStore, Claim
from shared.x509.certificate import CertificateTemplate
from shared.x509.names import Name

log = logging.getLogger("scepter.intune")

GENERATIONS: Final = 10
"""How often one request may be issued anew after Intune did not acknowledge it."""
COMES_AGAIN: Final = timedelta(minutes=10)
"""Within this time a device that was told to come again has done so; only then its failure is one."""
_DESCRIPTION: Final = 255
_NOT_OURS: Final = (NotReleased, IntuneUnavailable, CallRefused)


@dataclass(frozen=True, slots=True)
class IntuneReporter:
    """An EnrollmentReporter. `seal` makes of a request, which carries its challenge, what may lie in storage."""

    issuers: Issuers
    records: CertificateStore
    release: Release
    reports: FailureReports
    seal: Callable[[bytes], bytes]

    def issue(self, attempt: EnrollmentAttempt, template: CertificateTemplate, order: Order) -> Issued:
        """Raises as CertificateAuthority.issue, and NotReleased."""
        for each in generations(order):
            watched = _Watched(self.records, self.release)
            try:
                with attempt.timeline.step("issue"):
                    issued = self._authority(watched).issue(template, each, now=attempt.now)
            except ChallengeRejected:
                if self._withdrawn(each, template.subject):
                    continue
                raise
            return self.release.acknowledge(attempt, issued, watched.unreported)
        raise ChallengeRejected(f"issued {GENERATIONS} times, and never acknowledged")

    def find_repeat(self, attempt: EnrollmentAttempt, order: Order) -> Issued | None:
        """Raises as `issue`."""
        request = attempt.request
        for each in generations(order):
            watched = _Watched(self.records, self.release)
            authority = self._authority(watched)
            if authority.find_claim(each, request.subject) is None:
                return None
            if self._withdrawn(each, request.subject):
                continue
            with attempt.timeline.step("issue"):
                issued = authority.find_repeat(
                    each, subject=request.subject, key_hash=request.key_hash, now=attempt.now
                )
            return issued and self.release.acknowledge(attempt, issued, watched.unreported)
        return None

    def report_failure(self, attempt: EnrollmentAttempt, order: Order, error: Exception) -> None:
        """Note a failure of ours, to be told by a timer; what Intune's own calls end in is none."""
        if isinstance(error, _NOT_OURS):
            return
        comes_again = isinstance(error, DependencyError | Conflict)
        try:
            report = FailureReport(
                integration=attempt.profile.integration,
                transaction_id=attempt.transaction_id,
                owner=order.owners(attempt.request.subject)[0],
                identity=order.identity,
                request=self.seal(attempt.request.der),
                result=hresult_of(error),
                description=description_of(error)[:_DESCRIPTION],
                noted_at=attempt.now,
                due_at=attempt.now + (COMES_AGAIN if comes_again else timedelta(0)),
            )
            self.reports.add(report)
        except Exception:
            # The device has its answer in any case.
            log.exception("transaction %s: its failure cannot be reported to Intune", attempt.transaction_id)

    def _authority(self, store: CertificateStore) -> CertificateAuthority:
        return CertificateAuthority(self.issuers, store)

    def _withdrawn(self, order: Order, subject: Name) -> bool:
        """Whether what the order got was withdrawn, so that the same request may get another certificate."""
        claim = self.records.find_claim(order.owners(subject)[0], order.identity)
        if claim is None:
            return False
        return self.release.is_withdrawn(self.records.find(claim.issuer, claim.serial))


def generations(order: Order) -> Iterator[Order]:
    """The order as it is, and as those that follow when it was withdrawn: each has a claim of its own."""
    yield order
    for number in range(1, GENERATIONS):
        yield replace(order, identity=generation(order.identity, number))


def generation(identity: str, number: int) -> str:
    """The identity of the issuance after `number` that were withdrawn."""
    return f"{identity}.{number}" if number else identity


@dataclass(slots=True)
class _Watched:
    """The certificate store, for one attempt: what is committed is noted as unreported before."""

    _store: CertificateStore
    _release: Release
    unreported: Unreported | None = field(default=None, init=False)

    def claim(self, claim: Claim) -> None:
        self._store.claim(claim)

    def find_claim(self, owner: str, identity: str) -> Claim | None:
        return self._store.find_claim(owner, identity)

    def link(self, owner: str, claim: Claim) -> None:
        self._store.link(owner, claim)

    def commit(self, record: CertificateRecord) -> None:
        self.unreported = self._release.expect(record)
        self._store.commit(record)

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        return self._store.find(issuer, serial)
