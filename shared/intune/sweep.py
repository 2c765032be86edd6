"""What a timer does for mode "intune": withdraw certificates that were never reported, and tell of failures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.errors import Conflict, IntuneUnavailable, RequestError
from shared.intune.client import IntuneClient
from shared.intune.release import REASON, WITHDRAWN_BY, Release
from shared.intune.reporting import GENERATIONS, generation
from shared.store.outbox import FailureReport, FailureReports, Unreported
from shared.store.ports import CertificateStore, Status

log = logging.getLogger("scepter.intune")

PATIENCE: Final = timedelta(minutes=30)
"""How long a certificate may stay unreported; until then a repeat of its request may still report it."""
FORGET_AFTER: Final = timedelta(hours=2)
"""Condemned rows stay that long, so that no worker that still holds one takes it for reported."""
GIVE_UP_AFTER: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many were withdrawn, told and given up."""

    withdrawn: int = 0
    told: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """`open` undoes the reporter's `seal`; `clock` gives the time now. Every act may be repeated."""

    clients: Mapping[str, IntuneClient]
    records: CertificateStore
    release: Release
    reports: FailureReports
    open: Callable[[bytes], bytes]
    clock: Callable[[], datetime]

    def run(self) -> Swept:
        """One run. Raises StoreUnavailable; that Intune is away only means that failures wait."""
        withdrawn = sum(map(self._withdraw, list(self.release.outbox.waiting())))
        told, given_up = self._tell_failures()
        return Swept(withdrawn, told, given_up)

    def _withdraw(self, unreported: Unreported) -> bool:
        age = self.clock() - unreported.noted_at
        if age < PATIENCE:
            return False
        try:
            if not unreported.condemned:
                unreported = self.release.outbox.condemn(unreported)
            changed = self._revoke(unreported)
            if age >= FORGET_AFTER:
                self.release.outbox.settle(unreported)
        except Conflict as error:  # somebody is at it; the next run will see
            log.info("certificate %s: %s", unreported.serial, error.reason)
            return False
        return changed

    def _revoke(self, unreported: Unreported) -> bool:
        """Revoke what was committed or only claimed; whether that was news."""
        record = self.records.find(unreported.issuer, unreported.serial)
        if record is not None and record.status is Status.REVOKED:
            return False
        minutes = int((self.clock() - unreported.noted_at).total_seconds() // 60)
        note = f"never reported to Intune in {minutes} minutes"
        log.warning("certificate %s was %s and is withdrawn", unreported.serial, note)
        revocations = self.release.revocations
        if record is not None:
            revocations.revoke(unreported.issuer, unreported.serial, REASON, by=WITHDRAWN_BY, note=note)
            return True
        claim = self.records.find_claim(unreported.owner, unreported.identity)
        if claim is not None:
            revocations.revoke_claim(claim, REASON, by=WITHDRAWN_BY, note=note)
        return claim is not None

    def _tell_failures(self) -> tuple[int, int]:
        away: set[str] = set()
        told = given_up = 0
        for report in list(self.reports.reports()):
            if self.clock() < report.due_at:
                continue
            if report.integration not in away and self._tell(report):
                told += 1
            elif self.clock() - report.noted_at >= GIVE_UP_AFTER:
                log.error("transaction %s: its failure was never told to Intune", report.transaction_id)
                given_up += 1
            else:
                away.add(report.integration)
                continue
            self.reports.drop(report)
        return told, given_up

    def _tell(self, report: FailureReport) -> bool:
        """Tell of one failure, if it is one still; False if Intune is away."""
        client, said = self.clients.get(report.integration), "no longer one to be told"
        try:
            if client is not None and not self._was_served(report):
                request = self.open(report.request)
                outcome = client.notify_failure(
                    report.transaction_id, request, report.result, report.description
                )
                said = "told" if outcome.accepted else outcome.reason()
        except IntuneUnavailable as error:
            log.warning("integration %s: failures wait: %s", report.integration, error.reason)
            return False
        except RequestError as error:
            said = error.reason
        log.info("transaction %s: its failure: %s", report.transaction_id, said)
        return True

    def _was_served(self, report: FailureReport) -> bool:
        """Whether the device came again and got a good certificate."""
        for number in range(GENERATIONS):
            claim = self.records.find_claim(report.owner, generation(report.identity, number))
            if claim is None:
                return False
            record = self.records.find(claim.issuer, claim.serial)
            if record is not None and record.status is Status.GOOD:
                return True
        return False
