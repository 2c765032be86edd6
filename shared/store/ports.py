"""What outlives a call: the values on record and the ports that keep them (architecture decisions D1, D3, D6, D7).

`memory` is the reference implementation, `tables`, `blobs` and `queues` the Azure ones; one contract suite
(tests/contracts) holds them to the same promises. All times are aware, UTC, whole seconds. An issuer is named by
its id, a serial by its lower-case hexadecimal octets (38 digits for our own issuers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    """RFC 5280 and RFC 6960 states of a certificate. `revoked` is final."""

    GOOD = "good"
    HELD = "held"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Why, when and by whom. `reason` is the RFC 5280 5.3.1 name; certificateHold means held."""

    reason: str
    at: datetime
    by: str
    note: str = ""

    @property
    def status(self) -> Status:
        return Status.HELD if self.reason == "certificateHold" else Status.REVOKED


@dataclass(frozen=True, slots=True)
class Claim:
    """An owner's index row: the promise to issue exactly this TBSCertificate for exactly this request (D1).

    `owner` is `device:<id>`, `user:<upn>` or `subject:<hash>`; `identity` the request's identity (D2);
    `key_hash` the hexadecimal SHA-256 of the SubjectPublicKeyInfo.
    """

    owner: str
    identity: str
    issuer: str
    serial: str
    tbs: bytes
    key_hash: str
    claimed_at: datetime
    profile: str
    vouched_by: str
    challenge_minted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One certificate of ours. `certificate` is None when it was revoked before it was ever signed (D6)."""

    issuer: str
    serial: str
    certificate: bytes | None
    owner: str
    identity: str
    profile: str
    vouched_by: str
    subject: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    key_hash: str
    sans: tuple[str, ...] = ()
    device: str = ""
    user: str = ""
    predecessor: str = ""
    challenge_minted_at: datetime | None = None
    revocation: Revocation | None = None
    etag: str = field(default="", compare=False)

    @property
    def status(self) -> Status:
        return Status.GOOD if self.revocation is None else self.revocation.status


@dataclass(frozen=True, slots=True)
class RevocationChange:
    """One line of the publisher's reading list: the newest revocation state of a serial.

    `revocation` is None when a hold was lifted (removeFromCRL).
    """

    issuer: str
    serial: str
    changed_at: datetime
    revocation: Revocation | None


@dataclass(frozen=True, slots=True)
class Supersession:
    """A renewed certificate that is to be revoked once its grace has passed, if its successor lives."""

    due: date
    issuer: str
    serial: str
    successor: str


@dataclass(frozen=True, slots=True)
class PublishedObject:
    """A published blob: its bytes, its metadata (small ASCII strings) and the ETag for compare-and-swap."""

    data: bytes
    metadata: Mapping[str, str]
    etag: str


class CertificateStore(Protocol):
    """What issuing needs. Inserts only, no read before write, each method one storage call."""

    def claim(self, claim: Claim) -> None:
        """Insert the owner's row. Raises Conflict if (owner, identity) is taken, StoreUnavailable."""

    def find_claim(self, owner: str, identity: str) -> Claim | None:
        """One point read."""

    def link(self, owner: str, claim: Claim) -> None:
        """The same row under a second owner (a user's certificate on a device). Idempotent."""

    def commit(self, record: CertificateRecord) -> None:
        """Insert the record by issuer and serial. Raises Conflict if the serial is on record."""

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        """One point read."""


class Inventory(Protocol):
    """What administrators and device events look for."""

    def owned_by(self, owner: str) -> Iterator[Claim]:
        """All rows of an owner, with or without a record."""

    def records(self, issuer: str) -> Iterator[CertificateRecord]:
        """Every record of an issuer, by day of notAfter for our own issuers. A scan: for people and nightly work."""


class RevocationStore(Protocol):
    """What saying no afterwards needs (D6, D7)."""

    def note_change(self, change: RevocationChange) -> None:
        """Write the change row (partition: issuer and UTC hour of changed_at; key: serial). Last write wins."""

    def changes(self, issuer: str, since: datetime) -> Iterator[RevocationChange]:
        """All change rows of the hours from `since` to now, in no particular order."""

    def set_revocation(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        """Merge the revocation into the record if its ETag still holds; returns the record as stored.
        Raises Conflict if somebody changed it meanwhile."""


class SupersessionStore(Protocol):
    """Renewed certificates waiting for their grace to end."""

    def remember(self, supersession: Supersession) -> None:
        """Idempotent."""

    def due(self, day: date) -> Iterator[Supersession]:
        """Everything due on or before `day`."""

    def forget(self, supersession: Supersession) -> None:
        """Idempotent."""


class UseCounter(Protocol):
    """How often a static challenge was used. Exact under concurrency."""

    def take(self, name: str, identity: str, limit: int) -> bool:
        """Whether `identity` holds one of the `limit` uses of `name`; a repeat of a holder does not count again."""


class PublicationStore(Protocol):
    """The public blobs: CRLs and CA certificates. One put is atomic."""

    def read(self, name: str) -> PublishedObject | None:
        """None if there is no such blob."""

    def put(
        self,
        name: str,
        data: bytes,
        *,
        content_type: str,
        max_age: int,
        metadata: Mapping[str, str] | None = None,
        replaces: PublishedObject | None = None,
        overwrite: bool = False,
    ) -> None:
        """Put a blob whole, with Content-Type and `Cache-Control: max-age`. Without `overwrite` it must replace
        exactly `replaces`, or be new when that is None; raises Conflict otherwise."""


class Queue(Protocol):
    """One storage queue, delivering at least once, in any order (D12)."""

    def send(self, message: Mapping[str, object], *, delay: int = 0) -> None:
        """Put a JSON message, visible after `delay` seconds. Raises StoreUnavailable."""
