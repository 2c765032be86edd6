"""The nightly comparison of all records with the CRL: whatever the change rows lost is mended.

The record is the truth, with one exception: an entry that is no hold has been seen by the world and is final (RFC 5280
5.3.1), so where its record knows nothing of it, a revocation was cut off, and is finished now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import Conflict
from shared.revocation.comparison import differences
from shared.revocation.crl_standing import FullCRL
from shared.revocation.edition import entry_of
from shared.revocation.publication import CRLPublisher
from shared.store.ports import CertificateRecord, CertificateStore, Revocation, RevocationStore, Status
from shared.x509.crl import RevokedEntry
from shared.x509.crl_entry import key_serial, serial_key
from shared.x509.crl_list import merge

log = logging.getLogger("scepter.crl")

_SETTLED = timedelta(hours=1)
"""A change that has not reached its record after this long has died."""
_LAST_CLAIM = timedelta(days=7)
"""This long after its last use, all certificates that were promised with a shard count are on record."""


class Records(CertificateStore, RevocationStore, Protocol):
    """The store as the reconciliation sees it."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was done, by serial number: put on the CRL, or there with another reason or time (`listed`); taken off it
    (`lifted`); revoked on record because the CRL has it (`finished`). `unknown` are on the CRL and not on record, and
    stay. `retired` are shard counts that no live certificate names any more."""

    listed: list[str] = field(default_factory=list)
    lifted: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    retired: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Safe to run at any time, twice at once, and beside everything else."""

    publisher: CRLPublisher
    records: Records
    clock: Callable[[], datetime]

    def run(self) -> Reconciled:
        """Compare, mend, and publish if anything is to be. Raises Conflict, StoreUnavailable, IssuanceFault."""
        full = self.publisher.full()
        if full is None:
            self.publisher.publish()  # the first CRL is made from the records
            return Reconciled()
        done, mends = Reconciled(retired=self._retired(full)), dict[str, Revocation | None]()
        issuer = self.publisher.issuer.id
        for key, entry in differences(full.listed, self.records.revoked(issuer), full.ended_before):
            self._settle(key_serial(key), entry, done, mends)
        if mends or done.retired:
            self._mend(mends, done)
        log.info(
            "reconciled: %d listed, %d lifted, %d finished, %d not on record",
            *map(len, (done.listed, done.lifted, done.finished, done.unknown)),
        )
        return done

    def _settle(
        self, serial: str, entry: bytes | None, done: Reconciled, mends: dict[str, Revocation | None]
    ) -> None:
        """Decide one difference by the record as it is now: the comparison may have taken minutes."""
        record = self.records.find(self.publisher.issuer.id, serial)
        if record is None:
            done.unknown.append(serial)
            log.warning("reconciliation: %s is on the CRL and not on record; it stays", serial)
        elif entry is None:
            if record.revocation is not None:
                mends[serial] = record.revocation
        elif record.revocation is None or entry_of(serial, record.revocation) != entry:
            listed = RevokedEntry.from_der(entry)
            if record.status is Status.REVOKED:
                mends[serial] = record.revocation
            elif listed.at <= self.clock() - _SETTLED:
                self._overrule(record, listed, done, mends)

    def _overrule(
        self,
        record: CertificateRecord,
        listed: RevokedEntry,
        done: Reconciled,
        mends: dict[str, Revocation | None],
    ) -> None:
        """The CRL has an entry, and the record is good or held and says something else."""
        if listed.reason == "certificateHold":
            mends[record.serial] = record.revocation
            return
        note = "on the CRL already; the revocation was cut off before it was on record"
        try:
            revocation = Revocation(listed.reason or "unspecified", listed.at, "reconciliation", note)
            self.records.set_revocation(record, revocation)
        except Conflict:
            log.info("reconciliation: %s is being changed by others", record.serial)
            return
        done.finished.append(record.serial)
        log.warning("reconciliation: %s was on the CRL only; its record is revoked now", record.serial)

    def _mend(self, mends: dict[str, Revocation | None], done: Reconciled) -> None:
        """Publish with what is still missing; others may have published it meanwhile."""
        full = self.publisher.full()
        keys = {serial_key(serial): serial for serial in mends}
        stands = merge(full.listed, {}, watched=keys).found if full else {}
        for key, serial in keys.items():
            revocation = mends[serial]
            if stands.get(key) == (entry_of(serial, revocation) if revocation else None):
                del mends[serial]
                continue
            (done.listed if revocation else done.lifted).append(serial)
            state = f"listed as {revocation.reason}" if revocation else "taken off"
            log.warning("reconciliation: the CRL had lost a change of %s; it is %s", serial, state)
        if mends or done.retired:
            self.publisher.publish(mends, frozenset(done.retired))

    def _retired(self, full: FullCRL) -> list[int]:
        """Shard counts whose last certificate has ended, and has been on one CRL after that."""
        return [
            count
            for count, use in full.ledger.counts.items()
            if count != self.publisher.plan.shards
            and self.clock() > use.last + _LAST_CLAIM
            and not self.records.any_issued(
                self.publisher.issuer.id, use.first, use.last + _LAST_CLAIM, full.ledger.oldest
            )
        ]
