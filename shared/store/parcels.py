"""Imported PFX files on record: the parcel of a file and its sealed password, and the ports that keep them.

The file itself is a private blob, byte for byte as it was imported; its password is there only sealed to an import key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Purpose(StrEnum):
    """What a certificate of a user is for, in Intune's words."""

    ENCRYPTION = "smimeEncryption"
    SIGNING = "smimeSigning"


@dataclass(frozen=True, slots=True)
class SealedPassword:
    """The password of a PFX, encrypted with RSA-OAEP and SHA-256 to version `version` of the import key `key`."""

    key: str
    version: str
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One PFX of one user. `thumbprint` is the SHA-1 of its certificate, `digest` the SHA-256 of the file; both are
    hexadecimal, lower case, and `user` is in lower case, too.

    `failure` says why it could not be delivered when that was tried last, empty if it could. `etag` names the version
    that was read.
    """

    user: str
    thumbprint: str
    purpose: Purpose
    not_before: datetime
    not_after: datetime
    subject: str
    password: SealedPassword
    blob: str
    size: int
    digest: str
    imported_at: datetime
    imported_by: str
    failure: str = ""
    failed_at: datetime | None = None
    etag: str = field(default="", compare=False)


class ParcelStore(Protocol):
    """Parcels by user and thumbprint. Each method but those that iterate is one storage call."""

    def add(self, parcel: Parcel) -> None:
        """Insert. Raises Conflict if the user has one with that thumbprint; MalformedMessage if it is too large."""

    def find(self, user: str, thumbprint: str) -> Parcel | None:
        """One point read."""

    def of_user(self, user: str) -> Iterator[Parcel]:
        """All of a user's, by thumbprint."""

    def all(self, start: str = "") -> Iterator[Parcel]:
        """Every parcel, by user and thumbprint; with `start` those of that user and of the ones that come after."""

    def reseal(self, parcel: Parcel, password: SealedPassword) -> None:
        """Put another password in the place of the one that was read. Raises Conflict if the parcel was changed
        meanwhile, or is gone."""

    def note_failure(self, parcel: Parcel, failure: str, at: datetime | None) -> None:
        """Write down why it could not be delivered, empty and None once it can. Raises Conflict as `reseal`."""

    def remove(self, user: str, thumbprint: str) -> None:
        """Idempotent."""


class PrivateBlobs(Protocol):
    """A container that nobody reads without the app's identity."""

    def put(self, name: str, data: bytes) -> None:
        """Put a blob whole, in place of what is there."""

    def create(self, name: str, data: bytes) -> None:
        """Put a blob that must be new. Raises Conflict."""

    def read(self, name: str, most: int) -> bytes | None:
        """None if there is no such blob. Raises MalformedMessage for one of more than `most` bytes."""

    def remove(self, name: str) -> None:
        """Idempotent."""

    def older(self, prefix: str, before: datetime) -> Iterator[str]:
        """The names that begin with `prefix` of blobs last written before a moment."""
