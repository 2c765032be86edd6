"""Values on record <-> rows of a table, flat and light. TBSCertificate and certificate are binary.

A function named `x_row` raises MalformedMessage for what storage cannot hold (sizes come from whoever asks);
one named `x_of` raises IssuanceFault for a row that is not ours, StoreUnavailable for a newer version's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from shared.errors import IssuanceFault
from shared.store import addresses
from shared.store.addresses import Address
from shared.store.columns import (
    Row,
    keys,
    moment,
    moment_or_none,
    new_row,
    read,
    revocation_columns,
    revocation_in,
    stamp,
)
from shared.store.limits import check_row, check_tbs
from shared.store.ports import CertificateRecord, Claim, Revocation, RevocationChange, Supersession

SUPERSESSION = 2
"""Schema version of this kind; all others here have the first."""

_SANS = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder for each call


def claim_row(owner: str, claim: Claim) -> Row:
    """The row that files `claim` under `owner`, who need not be the claim's own."""
    check_tbs(claim.tbs)
    row = new_row(addresses.of_claim(owner, claim.identity))
    row["owner"] = claim.owner
    row["identity"] = claim.identity
    row["issuer"] = claim.issuer
    row["serial"] = claim.serial
    row["tbs"] = claim.tbs
    row["key_hash"] = claim.key_hash
    row["claimed_at"] = stamp(claim.claimed_at)
    row["profile"] = claim.profile
    row["vouched_by"] = claim.vouched_by
    row["challenge_minted_at"] = stamp(claim.challenge_minted_at)
    if claim.signature:
        row["signature"] = claim.signature
    check_row(row)
    return row


def claim_of(row: Mapping[str, Any]) -> Claim:
    """The claim in a row, with the owner who claimed."""
    return read(row, _claim)


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(
        owner=row["owner"],
        identity=row["identity"],
        issuer=row["issuer"],
        serial=row["serial"],
        tbs=row["tbs"],
        key_hash=row["key_hash"],
        claimed_at=moment(row["claimed_at"]),
        profile=row["profile"],
        vouched_by=row["vouched_by"],
        challenge_minted_at=moment_or_none(row["challenge_minted_at"]),
        signature=row.get("signature", b""),
    )


def record_row(record: CertificateRecord) -> Row:
    """The row of a record. Its ETag is storage's own and not in it."""
    row = new_row(addresses.of_record(record.issuer, record.serial))
    row["issuer"] = record.issuer
    row["serial"] = record.serial
    if record.certificate is not None:
        row["certificate"] = record.certificate
    row["owner"] = record.owner
    row["identity"] = record.identity
    row["profile"] = record.profile
    row["vouched_by"] = record.vouched_by
    row["subject"] = record.subject
    row["not_before"] = stamp(record.not_before)
    row["not_after"] = stamp(record.not_after)
    row["issued_at"] = stamp(record.issued_at)
    row["key_hash"] = record.key_hash
    row["sans"] = _SANS(record.sans) if record.sans else ""
    row["device"] = record.device
    row["user"] = record.user
    row["predecessor"] = record.predecessor
    row["challenge_minted_at"] = stamp(record.challenge_minted_at)
    row.update(revocation_columns(record.revocation))
    check_row(row)
    return row


def record_of(row: Mapping[str, Any], etag: str) -> CertificateRecord:
    """The record in a row, with the ETag it was read with."""
    return read(row, lambda columns: _record(columns, etag))


def _record(row: Mapping[str, Any], etag: str) -> CertificateRecord:
    return CertificateRecord(
        issuer=row["issuer"],
        serial=row["serial"],
        certificate=row.get("certificate"),
        owner=row["owner"],
        identity=row["identity"],
        profile=row["profile"],
        vouched_by=row["vouched_by"],
        subject=row["subject"],
        not_before=moment(row["not_before"]),
        not_after=moment(row["not_after"]),
        issued_at=moment(row["issued_at"]),
        key_hash=row["key_hash"],
        sans=tuple(json.loads(row["sans"])) if row["sans"] else (),
        device=row["device"],
        user=row["user"],
        predecessor=row["predecessor"],
        challenge_minted_at=moment_or_none(row["challenge_minted_at"]),
        revocation=revocation_in(row),
        etag=etag,
    )


REVOKED_COLUMNS = ("schema_version", "serial", "reason", "revoked_at", "revoked_by", "revocation_note")


def revoked_of(row: Mapping[str, Any]) -> tuple[str, Revocation]:
    """Serial and revocation in the row of a record that is held or revoked; REVOKED_COLUMNS of it are enough."""
    return read(row, _revoked)


def _revoked(row: Mapping[str, Any]) -> tuple[str, Revocation]:
    revocation = revocation_in(row)
    if revocation is None:
        raise ValueError
    return row["serial"], revocation


def issued_query(first: datetime, last: datetime, ends_after: datetime) -> tuple[str, dict[str, str]]:
    """A filter with its parameters: records issued from `first` to `last` that end after `ends_after`."""
    where = "issued_at ge @issued and issued_at le @last and not_after gt @ends"
    return where, {"issued": stamp(first), "last": stamp(last), "ends": stamp(ends_after)}


def was_issued(row: Mapping[str, Any], first: datetime, last: datetime, ends_after: datetime) -> bool:
    """What `issued_query` asks, of one row."""
    issued: str = row["issued_at"]
    ends: str = row["not_after"]
    return stamp(first) <= issued <= stamp(last) and ends > stamp(ends_after)


def revocation_row(record: CertificateRecord, revocation: Revocation | None) -> Row:
    """The part of a record's row that a revocation merges into it; the schema version stays as it was.

    Raises IssuanceFault for a record without ETag: it was not read, so nobody can say it is still as it was.
    """
    if not record.etag:
        raise IssuanceFault("a revocation is merged into a record as it was read; this one was not read")
    row = keys(addresses.of_record(record.issuer, record.serial))
    row.update(revocation_columns(revocation))
    check_row(row)
    return row


def merged(record: CertificateRecord, row: Mapping[str, Any], etag: str) -> CertificateRecord:
    """`record` once a row of `revocation_row` has been merged into it."""
    return replace(record, revocation=revocation_in(row), etag=etag)


def change_row(change: RevocationChange) -> Row:
    """The row of the publisher's reading list."""
    row = new_row(addresses.of_change(change))
    row["issuer"] = change.issuer
    row["serial"] = change.serial
    row["changed_at"] = stamp(change.changed_at)
    row.update(revocation_columns(change.revocation))
    check_row(row)
    return row


def change_of(row: Mapping[str, Any]) -> RevocationChange:
    """The change in a row."""
    return read(row, _change)


def _change(row: Mapping[str, Any]) -> RevocationChange:
    return RevocationChange(row["issuer"], row["serial"], moment(row["changed_at"]), revocation_in(row))


def supersession_row(supersession: Supersession) -> Row:
    """The row that waits for its day."""
    row = new_row(addresses.of_supersession(supersession), SUPERSESSION)
    row["due"] = supersession.due.isoformat()
    row["issuer"] = supersession.issuer
    row["serial"] = supersession.serial
    row["successor"] = supersession.successor
    row["successor_issuer"] = supersession.successor_issuer
    check_row(row)
    return row


def supersession_of(row: Mapping[str, Any]) -> Supersession:
    """The supersession in a row."""
    return read(row, _supersession, SUPERSESSION)


def _supersession(row: Mapping[str, Any]) -> Supersession:
    return Supersession(
        due=date.fromisoformat(row["due"]),
        issuer=row["issuer"],
        serial=row["serial"],
        successor=row["successor"],
        # Version 1 knew one issuer.
        successor_issuer=row["issuer"] if row["schema_version"] == 1 else row["successor_issuer"],
    )


LIVE_COLUMNS = ("PartitionKey", "RowKey", "schema_version", "serial", "owner")


def live_query(now: datetime) -> tuple[str, dict[str, str]]:
    """A filter with its parameters: records that are not revoked for good and end after `now`."""
    return "(reason eq '' or reason eq 'certificateHold') and not_after gt @now", {"now": stamp(now)}


def live_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Serial and owner in the row of a record; LIVE_COLUMNS of it are enough."""
    return read(row, lambda columns: (columns["serial"], columns["owner"]))


def is_behind(row: Mapping[str, Any], address: Address | None) -> bool:
    """Whether the row comes after `address` in the order of the table; any does after None."""
    return address is None or (row["PartitionKey"], row["RowKey"]) > address


def is_live(row: Mapping[str, Any], now: datetime) -> bool:
    """What `live_query` asks, of one row."""
    ends: str = row["not_after"]
    return row["reason"] in ("", "certificateHold") and ends > stamp(now)
