"""Issuing by a CA of others: claim, ask, check, put on record. The same promises as our own authority, with less to
lean on: the CA chooses the serial number, and asking twice may give two certificates.

1. **Claim** under `outside:<owner>`: the order belongs to this key, whoever asks at the same time waits.
2. **Note** that a request leaves (submissions.py), then ask. A crash from here on leaves the note: an orphan.
3. **Check** the answer against the template. What is other is noted, alarmed, and never given out.
4. **Claim** the certificate under its owner, the same row that ours have, with the CA's signature. Who is first wins.
5. **Commit** the record by the CA's serial number, and forget the note.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.ca.acceptance import accept
from shared.ca.authority import Issued, Order, answer_again, record_of
from shared.ca.outside_issuer import OutsideIssuer
from shared.ca.ports import OutcomeUnknown, OutsideCA, OutsideRequest
from shared.errors import (
    ChallengeRejected,
    Conflict,
    DependencyError,
    IssuanceFault,
    IssuancePending,
    PKIError,
    RequestError,
)
from shared.store.ports import CertificateStore, Claim
from shared.store.submissions import Submission, Submissions
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, parse_tbs
from shared.x509.names import Name

log = logging.getLogger("scepter.outside")

_ASKING: Final = "outside:"
_REFUSED: Final = "outside-refused:"


class OutsideAuthority:
    """An IssuingAuthority. `patience` is how long one worker may be at it before another takes over."""

    def __init__(
        self,
        issuer: OutsideIssuer,
        ca: OutsideCA,
        store: CertificateStore,
        submissions: Submissions,
        *,
        patience: timedelta,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.issuer = issuer
        self._ca, self._store, self._submissions = ca, store, submissions
        self._patience, self._new_id = patience, new_id

    def issue(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Issued:
        """As the port says. Raises IssuanceFault if the CA gives something other than was asked for."""
        asking = asking_claim(self.issuer.id, template, order, now)
        try:
            self._store.claim(asking)
        except Conflict:
            issued = self._taken(asking, template.subject, order, now)
            if issued is not None:
                return issued
        return self._ask(template, order, asking, now)

    def find_repeat(self, order: Order, *, subject: Name, key_hash: str, now: datetime) -> Issued | None:
        claim = self.find_claim(order, subject)
        return None if claim is None else self._resume(claim, key_hash, order, now)

    def find_claim(self, order: Order, subject: Name) -> Claim | None:
        return self._store.find_claim(order.owners(subject)[0], order.identity)

    def _taken(self, asking: Claim, subject: Name, order: Order, now: datetime) -> Issued | None:
        """The order came before: what it got; None where nobody is at it any more, and it may be asked for again."""
        first = self._store.find_claim(asking.owner, asking.identity)
        if first is None:
            raise Conflict("a claim was there and is gone")
        if first.key_hash != asking.key_hash:
            raise ChallengeRejected(f"replay: identity {order.identity} was claimed with another key")
        issued = self.find_repeat(order, subject=subject, key_hash=asking.key_hash, now=now)
        if issued is not None:
            return issued
        if self._store.find_claim(_refused(asking).owner, asking.identity) is not None:
            raise IssuanceFault("what the outside CA gave for this request before was not what was asked for")
        wait = first.claimed_at + self._patience - now
        if wait > timedelta(0):
            raise IssuancePending(
                f"identity {order.identity} is being asked for", retry_after=int(wait.total_seconds()) + 1
            )
        return None

    def _ask(self, template: CertificateTemplate, order: Order, asking: Claim, now: datetime) -> Issued:
        submission = self._note(self._new_id(), template, asking, now)
        certificate = self._answer(template, order, submission)
        try:
            accept(certificate, template, self.issuer.certificate, now)
        except IssuanceFault as fault:
            self._never_give(certificate, asking, submission, fault.reason)
            raise
        return self._record(certificate, order, asking, submission, now)

    def _note(
        self, identifier: str, template: CertificateTemplate, asking: Claim, now: datetime
    ) -> Submission:
        """Note that a request leaves."""
        submission = Submission(
            id=identifier,
            issuer=self.issuer.id,
            owner=asking.owner.removeprefix(_ASKING),
            identity=asking.identity,
            subject=template.subject.text(),
            key_hash=asking.key_hash,
            profile=asking.profile,
            sent_at=now,
        )
        self._submissions.note(submission)
        return submission

    def _answer(self, template: CertificateTemplate, order: Order, submission: Submission) -> Certificate:
        asked = OutsideRequest(
            order.request, template, order.identity, renews=self._is_ours(order.predecessor)
        )
        try:
            return self._ca.enrol(asked)
        except OutcomeUnknown as error:
            name, reason = self.issuer.name, error.reason
            log.critical("outside CA %s: submission %s has no known end: %s", name, submission.id, reason)
            raise
        except (RequestError, DependencyError):
            self._forget(submission)
            raise

    def _is_ours(self, serial: str) -> bool:
        """Whether what is to be replaced is of the outside CA: devices may come from another one."""
        return bool(serial) and self._store.find(self.issuer.id, serial) is not None

    def _record(
        self, certificate: Certificate, order: Order, asking: Claim, submission: Submission, now: datetime
    ) -> Issued:
        claim = replace(
            asking,
            owner=submission.owner,
            serial=certificate.serial_hex,
            tbs=certificate.tbs,
            signature=certificate.signature,
            claimed_at=now,
        )
        try:
            self._store.claim(claim)
        except Conflict:
            first = self._store.find_claim(claim.owner, claim.identity)
            if first is None:
                raise
            if first.serial != claim.serial:
                note = "another worker's certificate was first"
                self._submissions.note(replace(submission, serial=claim.serial, problem=note))
                return self._resume(first, claim.key_hash, order, now)
        issued = self._complete(claim, order, now)
        self._forget(submission)
        return issued

    def _resume(self, claim: Claim, key_hash: str, order: Order, now: datetime) -> Issued:
        if claim.key_hash != key_hash:
            raise ChallengeRejected(f"replay: identity {order.identity} was claimed with another key")
        record = self._store.find(claim.issuer, claim.serial)
        return answer_again(record, now) if record is not None else self._complete(claim, order, now)

    def _complete(self, claim: Claim, order: Order, now: datetime) -> Issued:
        algorithm = parse_tbs(claim.tbs).signature_algorithm
        certificate = Certificate.from_slice(assemble(claim.tbs, algorithm, claim.signature))
        for owner in order.owners(certificate.subject)[1:]:
            self._store.link(owner, claim)
        record = record_of(claim, certificate, order, now)
        try:
            self._store.commit(record)
        except Conflict:
            winner = self._store.find(claim.issuer, claim.serial)
            if winner is None:
                raise
            return answer_again(winner, now)
        return Issued(certificate, record, repeated=False)

    def _never_give(self, certificate: Certificate, asking: Claim, submission: Submission, why: str) -> None:
        """It exists at the CA, and nobody gets it: to be revoked there by hand."""
        log.critical(
            "outside CA %s: certificate %s is kept back, revoke it there: %s",
            self.issuer.name,
            certificate.serial_hex,
            why,
        )
        try:
            self._submissions.note(replace(submission, serial=certificate.serial_hex, problem=why))
            self._store.claim(_refused(asking))
        except PKIError as error:  # the note of before stands, and the log has all of it
            log.critical("submission %s: %s", submission.id, error.reason)

    def _forget(self, submission: Submission) -> None:
        """Its end is known; a note that stays although it could go is only one more line to look at."""
        try:
            self._submissions.forget(submission)
        except PKIError as error:
            log.warning("submission %s is left over: %s", submission.id, error.reason)


def asking_claim(issuer: str, template: CertificateTemplate, order: Order, now: datetime) -> Claim:
    """The claim that says that this order is being asked for. Raises IssuanceFault without a request to send."""
    if not order.request:
        raise IssuanceFault("an outside CA signs the request of whoever holds the key; there is none")
    return Claim(
        owner=f"{_ASKING}{order.owners(template.subject)[0]}",
        identity=order.identity,
        issuer=issuer,
        serial="",
        tbs=b"",
        key_hash=hashlib.sha256(template.spki).hexdigest(),
        claimed_at=now,
        profile=order.profile,
        vouched_by=order.vouched_by,
        challenge_minted_at=order.challenge_minted_at,
    )


def _refused(asking: Claim) -> Claim:
    """The claim that says that this order's answer was not to be taken."""
    return replace(asking, owner=f"{_REFUSED}{asking.owner.removeprefix(_ASKING)}")
