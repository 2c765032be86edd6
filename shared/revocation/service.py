"""Revoking (RFC 5280 5.3): one truth, the certificate record, and a change row so that the CRL learns of it.

States: good -> held | revoked; held -> good | revoked. Revoked is final. Every act is idempotent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.ca.authority import unsigned_record
from shared.errors import Conflict, PolicyViolation, UnknownCertificate
from shared.store.ports import (
    CertificateRecord,
    CertificateStore,
    Claim,
    Inventory,
    Queue,
    Revocation,
    RevocationChange,
    RevocationStore,
    Status,
)

log = logging.getLogger("scepter.revocation")

REASONS = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
)
PUBLISH_DELAY = 5  # seconds: a burst of revocations becomes one CRL
_TRIES = 4


class Records(CertificateStore, Inventory, RevocationStore, Protocol):
    """The store as revocation sees it."""


@dataclass(frozen=True, slots=True)
class RevocationService:
    """`crl_requests` is the queue that the CRL publisher reads; `clock` gives the time now."""

    records: Records
    crl_requests: Queue
    clock: Callable[[], datetime]

    def revoke(self, issuer: str, serial: str, reason: str, *, by: str, note: str = "") -> CertificateRecord:
        """Revoke or hold a certificate. Raises UnknownCertificate, PolicyViolation (no such reason), Conflict."""
        if reason not in REASONS:
            known = ", ".join(REASONS)
            raise PolicyViolation(
                f"revocation reason {reason[:40]!r} is not one of {known}",
                public=f"The reason has to be one of {known}.",
            )
        return self._change(issuer, serial, lambda now: Revocation(reason, now, by, note))

    def lift(self, issuer: str, serial: str) -> CertificateRecord:
        """Lift a hold. Raises UnknownCertificate; PolicyViolation when the certificate is revoked for good."""
        return self._change(issuer, serial, lambda _: None)

    def revoke_claim(self, claim: Claim, reason: str, *, by: str, note: str = "") -> CertificateRecord:
        """Revoke what an owner's row promises, signed or not: an enrolment in flight loses its commit."""
        try:
            return self.revoke(claim.issuer, claim.serial, reason, by=by, note=note)
        except UnknownCertificate:
            try:
                self.records.commit(unsigned_record(claim, self.clock()))
            except Conflict:
                log.info("serial %s was committed meanwhile", claim.serial)
            return self.revoke(claim.issuer, claim.serial, reason, by=by, note=note)

    def _change(
        self, issuer: str, serial: str, wanted: Callable[[datetime], Revocation | None]
    ) -> CertificateRecord:
        for _ in range(_TRIES):
            record = self.records.find(issuer, serial)
            if record is None:
                raise UnknownCertificate(f"no certificate {serial} of issuer {issuer} on record")
            revocation = wanted(self.clock())
            if _already(record, revocation):
                return record
            try:
                return self._apply(record, revocation)
            except Conflict:
                self._restate(issuer, serial)
        raise Conflict(f"certificate {serial} is being changed by others")

    def _apply(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        # The record last: whoever repeats a cut-off revocation finds the record as it was and does all of it again.
        # The other way round, a revoked certificate could wait for the CRL at half-life.
        change = RevocationChange(record.issuer, record.serial, self.clock(), revocation)
        self.records.note_change(change)
        self._request_crl(record.issuer)
        stored = self.records.set_revocation(record, revocation)
        log.info("certificate %s is now %s", record.serial, stored.status.value)
        return stored

    def _restate(self, issuer: str, serial: str) -> None:
        """Somebody was first, and our change row may lie over theirs: write what the record says now."""
        record = self.records.find(issuer, serial)
        if record is not None:
            self.records.note_change(RevocationChange(issuer, serial, self.clock(), record.revocation))
            self._request_crl(issuer)

    def _request_crl(self, issuer: str) -> None:
        message = {"version": 1, "issuer": issuer, "changedAt": self.clock().isoformat()}
        self.crl_requests.send(message, delay=PUBLISH_DELAY)


def _already(record: CertificateRecord, revocation: Revocation | None) -> bool:
    """Whether the record says it already. Raises PolicyViolation when a final revocation would be lifted."""
    if record.status is Status.REVOKED:
        if revocation is None:
            raise PolicyViolation(
                f"certificate {record.serial} is revoked; that is final",
                public="The certificate is revoked, and that is final.",
            )
        return True
    wanted = Status.GOOD if revocation is None else revocation.status
    return record.status is wanted
