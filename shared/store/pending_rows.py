"""Pending requests <-> rows: the request under its id, and beside it a row that keeps its identity from waiting twice.

Both are in the profile's partition, so that they come and go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.errors import IssuanceFault
from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, keys, moment, moment_or_none, new_row, read, stamp
from shared.store.limits import check_row
from shared.store.pending import Decision, PendingRequest, Verdict

EVERYWHERE = Range("", "~~")
"""All partitions: no profile's name starts with a tilde."""
_REQUEST = "r:"


def address_of(identifier: str) -> Address:
    """Where a request is."""
    profile, _, digest = identifier.rpartition(".")
    return Address(encode(profile), f"{_REQUEST}{encode(digest)}")


def address_of_identity(profile: str, identity: str) -> Address:
    """Where an identity is kept."""
    return Address(encode(profile), f"i:{encode(identity)}")


def is_request(row: Mapping[str, Any]) -> bool:
    """Whether the row is a request's, and not an identity's."""
    return str(row["RowKey"]).startswith(_REQUEST)


def identity_row(request: PendingRequest) -> Row:
    """The row that says which request waits under an identity."""
    row = new_row(address_of_identity(request.profile, request.identity))
    row["request"] = request.id
    return row


def holder_of(row: Mapping[str, Any]) -> str:
    """The id in a row of `identity_row`."""
    return read(row, lambda columns: str(columns["request"]))


def request_row(request: PendingRequest) -> Row:
    """The row of a request without verdict. Raises MalformedMessage for what storage cannot hold."""
    row = new_row(address_of(request.id))
    row["profile"] = request.profile
    row["transaction_id"] = request.transaction_id
    row["signer_key_hash"] = request.signer_key_hash
    row["identity"] = request.identity
    row["vouched_by"] = request.vouched_by
    row["subject"] = request.subject
    row["spki"] = request.spki
    row["extensions"] = request.extensions
    row["life"] = _seconds(request.life)
    row["requested_at"] = stamp(request.requested_at)
    row["patience"] = _seconds(request.patience)
    row["device"] = request.device
    row["user"] = request.user
    row["challenge_minted_at"] = stamp(request.challenge_minted_at)
    row["predecessor"] = request.predecessor
    if request.sealed_request:
        row["sealed_request"] = request.sealed_request
    row.update(_verdict_columns(request.verdict))
    check_row(row)
    return row


def verdict_row(request: PendingRequest, verdict: Verdict) -> Row:
    """What a verdict merges into the row of a request. Raises IssuanceFault for one that was not read."""
    if not request.etag:
        raise IssuanceFault("a verdict is merged into a request as it was read; this one was not read")
    row = keys(address_of(request.id))
    row.update(_verdict_columns(verdict))
    check_row(row)
    return row


def request_of(row: Mapping[str, Any], etag: str) -> PendingRequest:
    """The request in a row. Raises IssuanceFault for a row that is not ours, StoreUnavailable for a newer one's."""
    return replace(read(row, _request), etag=etag)


def merged(request: PendingRequest, row: Mapping[str, Any], etag: str) -> PendingRequest:
    """`request` once a row of `verdict_row` has been merged into it."""
    return replace(request, verdict=_verdict(row), etag=etag)


def _request(row: Mapping[str, Any]) -> PendingRequest:
    return PendingRequest(
        profile=row["profile"],
        transaction_id=row["transaction_id"],
        signer_key_hash=row["signer_key_hash"],
        identity=row["identity"],
        vouched_by=row["vouched_by"],
        subject=row["subject"],
        spki=row["spki"],
        extensions=row["extensions"],
        life=timedelta(seconds=row["life"]),
        requested_at=moment(row["requested_at"]),
        patience=timedelta(seconds=row["patience"]),
        device=row["device"],
        user=row["user"],
        challenge_minted_at=moment_or_none(row["challenge_minted_at"]),
        verdict=_verdict(row),
        predecessor=row.get("predecessor", ""),
        sealed_request=row.get("sealed_request", b""),
    )


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)


def _verdict_columns(verdict: Verdict | None) -> dict[str, str]:
    if verdict is None:
        return {"decision": "", "decided_by": "", "decided_at": "", "note": ""}
    return {
        "decision": verdict.decision.value,
        "decided_by": verdict.by,
        "decided_at": stamp(verdict.at),
        "note": verdict.note,
    }


def _verdict(row: Mapping[str, Any]) -> Verdict | None:
    if not row["decision"]:
        return None
    return Verdict(Decision(row["decision"]), row["decided_by"], moment(row["decided_at"]), row["note"])
