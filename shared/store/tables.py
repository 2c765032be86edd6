"""Certificates, revocations and supersessions in Azure Tables. One storage call per method, iterators aside.

The clients come from `connection`; owners, certificates, changes and supersessions are one table each.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from azure.data.tables import TableClient, TableEntity

from shared.errors import Conflict
from shared.store import addresses, rows
from shared.store.entity_table import EntityTable
from shared.store.ports import CertificateRecord, Claim, Revocation, RevocationChange, Supersession


class TableStore:
    """CertificateStore, Inventory, RevocationStore and SupersessionStore."""

    def __init__(
        self,
        *,
        owners: TableClient,
        certificates: TableClient,
        changes: TableClient,
        supersessions: TableClient,
    ) -> None:
        self._owners = EntityTable(owners)
        self._certificates = EntityTable(certificates)
        self._changes = EntityTable(changes)
        self._supersessions = EntityTable(supersessions)

    def claim(self, claim: Claim) -> None:
        self._owners.insert(rows.claim_row(claim.owner, claim), "claim")

    def find_claim(self, owner: str, identity: str) -> Claim | None:
        row = self._owners.get(addresses.of_claim(owner, identity), "find_claim")
        return None if row is None else rows.claim_of(row)

    def link(self, owner: str, claim: Claim) -> None:
        try:
            self._owners.insert(rows.claim_row(owner, claim), "link")
        except Conflict:
            return  # claims never change: what is there is the same

    def commit(self, record: CertificateRecord) -> None:
        self._certificates.insert(rows.record_row(record), "commit")

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        row = self._certificates.get(addresses.of_record(issuer, serial), "find")
        return None if row is None else _record(row)

    def owned_by(self, owner: str) -> Iterator[Claim]:
        return map(rows.claim_of, self._owners.partition(addresses.encode(owner), "owned_by"))

    def records(self, issuer: str) -> Iterator[CertificateRecord]:
        return map(_record, self._certificates.partitions(addresses.records_of(issuer), "records"))

    def live(self, issuer: str, now: datetime, after: str = "") -> Iterator[tuple[str, str]]:
        where, given = rows.live_query(now)
        last = addresses.of_record(issuer, after) if after else None
        found = self._certificates.partitions(
            addresses.records_from(issuer, last), "live", where=where, given=given, select=rows.LIVE_COLUMNS
        )
        return (rows.live_of(row) for row in found if rows.is_behind(row, last))

    def note_change(self, change: RevocationChange) -> None:
        self._changes.upsert(rows.change_row(change), "note_change")

    def changes(self, issuer: str, since: datetime) -> Iterator[RevocationChange]:
        return map(rows.change_of, self._changes.partitions(addresses.changes_of(issuer, since), "changes"))

    def purge_changes(self, issuer: str, before: datetime, most: int) -> int:
        return self._changes.purge(addresses.changes_before(issuer, before), most, "purge_changes")

    def revoked(self, issuer: str) -> Iterator[tuple[str, Revocation]]:
        found = self._certificates.partitions(
            addresses.records_of(issuer), "revoked", where="reason ne ''", select=rows.REVOKED_COLUMNS
        )
        return map(rows.revoked_of, found)

    def any_issued(self, issuer: str, first: datetime, last: datetime, ends_after: datetime) -> bool:
        live = addresses.records_ending(issuer, ends_after.date())
        where, given = rows.issued_query(first, last, ends_after)
        found = self._certificates.partitions(live, "any_issued", where=where, given=given, select=["serial"])
        return next(found, None) is not None

    def set_revocation(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        row = rows.revocation_row(record, revocation)
        return rows.merged(record, row, self._certificates.merge(row, record.etag, "set_revocation"))

    def remember(self, supersession: Supersession) -> None:
        self._supersessions.upsert(rows.supersession_row(supersession), "remember")

    def due(self, day: date) -> Iterator[Supersession]:
        return map(rows.supersession_of, self._supersessions.partitions(addresses.due_until(day), "due"))

    def forget(self, supersession: Supersession) -> None:
        self._supersessions.delete(addresses.of_supersession(supersession), "forget")


def _record(row: TableEntity) -> CertificateRecord:
    return rows.record_of(row, row.metadata["etag"] or "")
