"""No certificate leaves before Intune has acknowledged it: what is noted, told, struck off or withdrawn, in this order.

1. Before the record is committed, a row in the outbox says that the certificate is not reported.
2. After it, Intune is told, and only when it acknowledges the row is struck off and the certificate may leave.
3. Intune does not answer, or says no: the row is condemned, the certificate revoked, and the device gets FAILURE.

Whoever condemns or strikes off does so to the row as it was read, so one of them wins. A worker that dies anywhere in
between leaves the row: a repeat of the request tells Intune again, and what nobody repeats the sweep revokes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.ca.authority import Issued
from shared.errors import ChallengeRejected, Conflict, IntuneUnavailable, PKIError, RequestError
from shared.intune.challenges import client_of
from shared.intune.client import IntuneClient, Issuance
from shared.intune.wire import CallRefused
from shared.revocation.service import RevocationService
from shared.scep.ports import EnrollmentAttempt
from shared.store.outbox import Outbox, Unreported
from shared.store.ports import CertificateRecord, Status

log = logging.getLogger("scepter.intune")

WITHDRAWN_BY: Final = "intune:not-acknowledged"
"""Who revoked a certificate that never left; the record keeps it, and the same request may come again."""
REASON: Final = "cessationOfOperation"
_TRIES: Final = 3
_NOTE: Final = 300


class NotReleased(RequestError):
    """The certificate was issued, and Intune has not acknowledged it: it is withdrawn."""

    public = "The certificate was not released. Ask again."


@dataclass(frozen=True, slots=True)
class Release:
    """`clients` are by integration."""

    clients: Mapping[str, IntuneClient]
    outbox: Outbox
    revocations: RevocationService

    def expect(self, record: CertificateRecord) -> Unreported | None:
        """Note that the certificate of `record`, which is about to be committed, is not reported."""
        unreported = Unreported(
            issuer=record.issuer,
            serial=record.serial,
            owner=record.owner,
            identity=record.identity,
            noted_at=record.issued_at,
        )
        try:
            return self.outbox.expect(unreported)
        except Conflict:  # another worker has the same request, or storage could not say that it was this one
            return self.outbox.lookup(record.issuer, record.serial)

    def acknowledge(
        self, attempt: EnrollmentAttempt, issued: Issued, unreported: Unreported | None
    ) -> Issued:
        """`issued`, once Intune knows of it. `unreported` is its row as far as it is known.

        Raises NotReleased, and StoreUnavailable when nobody could say afterwards that it is reported.
        """
        record = issued.record
        unreported = unreported or self.outbox.lookup(record.issuer, record.serial)
        if unreported is None:
            if issued.repeated:  # it was reported before
                return issued
            raise Conflict(f"certificate {record.serial} is being reported by others")
        if unreported.condemned:
            self._revoke(unreported, "others could not report it")
            raise NotReleased(f"certificate {record.serial} was withdrawn")
        problem = self._tell(attempt, issued)
        if problem:
            self.withdraw(unreported, problem)
            raise NotReleased(f"certificate {record.serial} was not acknowledged: {problem}")
        self._strike_off(unreported)
        return issued

    def withdraw(self, unreported: Unreported, why: str) -> None:
        """See to it that the certificate never leaves. What cannot be done now, the sweep does."""
        try:
            self._revoke(self.outbox.condemn(unreported), why)
        except PKIError as error:
            log.warning("certificate %s is left to the sweep: %s", unreported.serial, error.reason)

    def is_withdrawn(self, record: CertificateRecord | None) -> bool:
        """Whether it was revoked for not being acknowledged, and for nothing else."""
        return (
            record is not None
            and record.revocation is not None
            and record.status is Status.REVOKED
            and record.revocation.by == WITHDRAWN_BY
        )

    def _tell(self, attempt: EnrollmentAttempt, issued: Issued) -> str:
        """Tell Intune of the certificate; what is wrong if it does not acknowledge it."""
        try:
            with attempt.timeline.step("notify"):
                client = client_of(self.clients, attempt.profile.integration)
                outcome = client.notify_success(issuance_of(attempt, issued))
        except (IntuneUnavailable, CallRefused, ChallengeRejected) as error:
            return error.reason
        return "" if outcome.accepted else outcome.reason()

    def _strike_off(self, unreported: Unreported) -> None:
        """Raises NotReleased if it was condemned meanwhile."""
        for _ in range(_TRIES):
            try:
                return self.outbox.settle(unreported)
            except Conflict:
                found = self.outbox.lookup(unreported.issuer, unreported.serial)
                if found is None:
                    return None
                if found.condemned:
                    raise NotReleased(f"certificate {unreported.serial} was withdrawn meanwhile") from None
                unreported = found
        raise Conflict(f"certificate {unreported.serial} is being reported by others")

    def _revoke(self, condemned: Unreported, why: str) -> None:
        self.revocations.revoke(condemned.issuer, condemned.serial, REASON, by=WITHDRAWN_BY, note=why[:_NOTE])
        log.warning("certificate %s was not acknowledged and is withdrawn: %s", condemned.serial, why)


def issuance_of(attempt: EnrollmentAttempt, issued: Issued) -> Issuance:
    """What Intune is told. The serial number is the one form that it gets, and gives back when it wants the
    certificate revoked."""
    certificate = issued.certificate
    return Issuance(
        transaction_id=attempt.transaction_id,
        request=attempt.request.der,
        thumbprint=hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest().upper(),
        serial=certificate.serial_hex.upper(),
        not_after=certificate.not_after,
        authority=certificate.issuer.text(),
        configuration=issued.record.issuer,
    )
