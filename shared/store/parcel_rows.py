"""Parcels <-> rows: a partition for each user, a row for each thumbprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.errors import IssuanceFault
from shared.store.addresses import Address, Range, encode
from shared.store.columns import Row, keys, moment, moment_or_none, new_row, read, stamp
from shared.store.limits import check_row
from shared.store.parcels import Parcel, Purpose, SealedPassword

_BEYOND = "\x7f"
"""Behind all that a key of ours begins with."""
_SHOWN = 500


def address_of(user: str, thumbprint: str) -> Address:
    """Where a parcel is."""
    return Address(encode(user), encode(thumbprint))


def users_from(start: str) -> Range:
    """The partitions of a user and of all that come after; of all users for an empty name."""
    return Range(encode(start) if start else "", _BEYOND)


def parcel_row(parcel: Parcel) -> Row:
    """The row of a parcel. Raises MalformedMessage for what storage cannot hold."""
    row = new_row(address_of(parcel.user, parcel.thumbprint))
    row["user"] = parcel.user
    row["thumbprint"] = parcel.thumbprint
    row["purpose"] = parcel.purpose.value
    row["not_before"] = stamp(parcel.not_before)
    row["not_after"] = stamp(parcel.not_after)
    row["subject"] = parcel.subject
    row["blob"] = parcel.blob
    row["size"] = parcel.size
    row["digest"] = parcel.digest
    row["imported_at"] = stamp(parcel.imported_at)
    row["imported_by"] = parcel.imported_by
    row.update(_password_columns(parcel.password))
    row.update(_failure_columns(parcel.failure, parcel.failed_at))
    check_row(row)
    return row


def password_row(parcel: Parcel, password: SealedPassword) -> Row:
    """What a new password merges into the row of a parcel."""
    return _known(parcel) | _password_columns(password)


def failure_row(parcel: Parcel, failure: str, at: datetime | None) -> Row:
    """What a failure merges into the row of a parcel."""
    return _known(parcel) | _failure_columns(failure, at)


def parcel_of(row: Mapping[str, Any], etag: str) -> Parcel:
    """The parcel in a row. Raises IssuanceFault for a row that is not ours, StoreUnavailable for a newer one's."""
    return replace(read(row, _parcel), etag=etag)


def _known(parcel: Parcel) -> Row:
    if not parcel.etag:
        raise IssuanceFault("a parcel is changed as it was read; this one was not read")
    return keys(address_of(parcel.user, parcel.thumbprint))


def _password_columns(password: SealedPassword) -> Row:
    return {"key": password.key, "key_version": password.version, "password": password.ciphertext}


def _failure_columns(failure: str, at: datetime | None) -> Row:
    return {"failure": failure[:_SHOWN], "failed_at": stamp(at)}


def _parcel(row: Mapping[str, Any]) -> Parcel:
    return Parcel(
        user=row["user"],
        thumbprint=row["thumbprint"],
        purpose=Purpose(row["purpose"]),
        not_before=moment(row["not_before"]),
        not_after=moment(row["not_after"]),
        subject=row["subject"],
        password=SealedPassword(row["key"], row["key_version"], row["password"]),
        blob=row["blob"],
        size=row["size"],
        digest=row["digest"],
        imported_at=moment(row["imported_at"]),
        imported_by=row["imported_by"],
        failure=row["failure"],
        failed_at=moment_or_none(row["failed_at"]),
    )
