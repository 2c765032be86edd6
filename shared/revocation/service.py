"""Revoking (RFC 5280 5.3): one truth, the certificate record, and a change row so that the CRL learns of it.

States: good -> held | revoked; held -> good | revoked. Revoked is final. Every act is idempotent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from shared.ca.authority import unsigned_record
from shared.errors import Conflict, PolicyViolation, UnknownCertificate
from shared.revocation.crl_requests import CRLRequests
from shared.store.devices import Hold
from shared.store.ports import (
    CertificateRecord,
    CertificateStore,
    Claim,
    Inventory,
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
MARKED_ONLY = "not revoked at its CA"
"""In the note of a certificate of an outside CA."""
_TRIES = 4


class Records(CertificateStore, Inventory, RevocationStore, Protocol):
    """The store as revocation sees it."""


@dataclass(frozen=True, slots=True)
class RevocationService:
    """`crl_requests` asks the CRL publisher; `clock` gives the time now. `outside` names outside CAs by id: only they
    can revoke what they issued, and all that is done here is to mark the record."""

    records: Records
    crl_requests: CRLRequests
    clock: Callable[[], datetime]
    outside: Mapping[str, str] = field(default_factory=dict)

    def revoke(self, issuer: str, serial: str, reason: str, *, by: str, note: str = "") -> CertificateRecord:
        """Revoke or hold a certificate. Raises UnknownCertificate, PolicyViolation (no such reason), Conflict."""
        if reason not in REASONS:
            known = ", ".join(REASONS)
            raise PolicyViolation(
                f"revocation reason {reason[:40]!r} is not one of {known}",
                public=f"The reason has to be one of {known}.",
            )
        return self._change(issuer, serial, lambda record: self._stricter(record, reason, by, note))

    def lift(self, issuer: str, serial: str, *, held_by: str | None = None) -> CertificateRecord:
        """Lift a hold; with `held_by` only one that the record says was placed by that. Raises UnknownCertificate,
        and without `held_by` PolicyViolation when the certificate is revoked for good."""
        return self._change(issuer, serial, lambda record: _lifted(record, held_by))

    def take_over(self, issuer: str, serial: str, *, by: str, note: str) -> CertificateRecord:
        """Say of a hold that `by` holds now; since when stays as it was. Raises UnknownCertificate, Conflict."""

        def wanted(record: CertificateRecord) -> Revocation | None:
            standing = record.revocation
            if standing is None or standing.status is Status.REVOKED:
                return standing
            return Revocation(standing.reason, standing.at, by, note)

        return self._change(issuer, serial, wanted)

    def finalise(self, hold: Hold, note: str = "") -> CertificateRecord:
        """Make a hold a revocation, unless it was lifted since it was placed. Raises UnknownCertificate, Conflict."""

        def wanted(record: CertificateRecord) -> Revocation | None:
            standing = record.revocation
            if standing is None or standing.status is Status.REVOKED or standing.at > hold.held_at:
                return standing
            return Revocation(hold.reason, self.clock(), f"event:{hold.source}", note)

        return self._change(hold.issuer, hold.serial, wanted)

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

    def _stricter(self, record: CertificateRecord, reason: str, by: str, note: str) -> Revocation | None:
        """Revoked is final, and what is held stays held by whoever held it."""
        wanted, standing = Revocation(reason, self.clock(), by, note), record.revocation
        if standing is not None and (standing.status is Status.REVOKED or wanted.status is Status.HELD):
            return standing
        return wanted

    def _change(
        self,
        issuer: str,
        serial: str,
        wanted: Callable[[CertificateRecord], Revocation | None],
    ) -> CertificateRecord:
        """Bring a record to what `wanted` makes of it as it is now."""
        for _ in range(_TRIES):
            record = self.records.find(issuer, serial)
            if record is None:
                raise UnknownCertificate(f"no certificate {serial} of issuer {issuer} on record")
            revocation = wanted(record)
            if revocation == record.revocation:
                return record
            try:
                return self._apply(record, revocation)
            except Conflict:
                self._restate(issuer, serial)
        raise Conflict(f"certificate {serial} is being changed by others")

    def _apply(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        # The record last: whoever repeats a cut-off revocation finds the record as it was and does all of it again.
        # The other way round, a revoked certificate could wait for the CRL at half-life.
        if record.issuer in self.outside:
            return self._mark(record, revocation)
        change = RevocationChange(record.issuer, record.serial, self.clock(), revocation)
        self.records.note_change(change)
        self.crl_requests.ask(record.issuer)
        stored = self.records.set_revocation(record, revocation)
        log.info("certificate %s is now %s", record.serial, stored.status.value)
        return stored

    def _mark(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        """No CRL and no OCSP of ours says anything of it; it renews nothing here any more, and is not sent again."""
        name = self.outside[record.issuer]
        if revocation is not None:
            mark = f"{MARKED_ONLY} (CA {name})"
            note = revocation.note if mark in revocation.note else f"{revocation.note} {mark}".strip()
            revocation = replace(revocation, note=note)
        if revocation == record.revocation:
            return record
        stored = self.records.set_revocation(record, revocation)
        log.warning(
            "certificate %s is %s here only: the same has to be done at CA %s",
            record.serial,
            stored.status.value,
            name,
        )
        return stored

    def _restate(self, issuer: str, serial: str) -> None:
        """Somebody was first, and our change row may lie over theirs: write what the record says now."""
        if issuer in self.outside:
            return
        record = self.records.find(issuer, serial)
        if record is not None:
            self.records.note_change(RevocationChange(issuer, serial, self.clock(), record.revocation))
            self.crl_requests.ask(issuer)


def _lifted(record: CertificateRecord, held_by: str | None) -> Revocation | None:
    standing = record.revocation
    if standing is None or (held_by is not None and (standing.by, standing.status) != (held_by, Status.HELD)):
        return standing
    if standing.status is Status.REVOKED:
        raise PolicyViolation(
            f"certificate {record.serial} is revoked; that is final",
            public="The certificate is revoked, and that is final.",
        )
    return None
