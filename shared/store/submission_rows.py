"""Submissions <-> rows: in the partition of their issuer, under their id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, moment, new_row, read, stamp
from shared.store.limits import check_row
from shared.store.submissions import Submission

EVERYWHERE: Final = Range("", "~~")
"""All partitions: no issuer's id starts with a tilde."""
_PROBLEM: Final = 1000


def address_of(issuer: str, identifier: str) -> Address:
    """Where a submission is."""
    return Address(encode(issuer), encode(identifier))


def submission_row(submission: Submission) -> Row:
    """Raises MalformedMessage for what storage cannot hold."""
    row = new_row(address_of(submission.issuer, submission.id))
    row["id"] = submission.id
    row["issuer"] = submission.issuer
    row["owner"] = submission.owner
    row["identity"] = submission.identity
    row["subject"] = submission.subject
    row["key_hash"] = submission.key_hash
    row["profile"] = submission.profile
    row["sent_at"] = stamp(submission.sent_at)
    row["serial"] = submission.serial
    row["problem"] = submission.problem[:_PROBLEM]
    check_row(row)
    return row


def submission_of(row: Mapping[str, Any]) -> Submission:
    """The submission in a row. Raises as `columns.read`."""
    return read(row, _submission)


def _submission(row: Mapping[str, Any]) -> Submission:
    return Submission(
        id=row["id"],
        issuer=row["issuer"],
        owner=row["owner"],
        identity=row["identity"],
        subject=row["subject"],
        key_hash=row["key_hash"],
        profile=row["profile"],
        sent_at=moment(row["sent_at"]),
        serial=row["serial"],
        problem=row["problem"],
    )
