"""What outlives a call: the values on record and the ports that keep them.

`memory` is the reference implementation, `tables`, `uses`, `blobs` and `queues` the Azure ones; one contract
suite (tests/contracts) holds them to the same promises. All times are aware, UTC, whole seconds. An issuer is
named by its id, a serial by its lower-case hexadecimal octets (38 digits for our own issuers). Every method
may raise StoreUnavailable; those that write raise MalformedMessage for what storage cannot hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import partial
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
    """An owner's index row: the promise to issue exactly this TBSCertificate for exactly this request.

    `owner` is `device:<id>`, `user:<upn>` or `subject:<hash>`; `identity` the request's identity;
    `key_hash` the hexadecimal SHA-256 of the SubjectPublicKeyInfo. `signature` is that of an outside CA, whose
    certificates are claimed when they are there; our own sign afterwards.
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
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One certificate of ours. `certificate` is None when it was revoked before it was ever signed.

    `etag` names the version that was read; a record that was never read has none.
    """

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

    def has_thumbprint(self, thumbprint: str) -> bool:
        """Whether `thumbprint` (hexadecimal, lower case, by SHA-1 or SHA-256) is that of the certificate."""
        if self.certificate is None:
            return False
        digest = hashlib.sha256 if len(thumbprint) == 64 else partial(hashlib.sha1, usedforsecurity=False)
        return digest(self.certificate).hexdigest() == thumbprint


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
    """A renewed certificate that is to be revoked once its grace has passed, if its successor lives.

    The successor may be of another issuer: of the CA that came after.
    """

    due: date
    issuer: str
    serial: str
    successor: str
    successor_issuer: str


@dataclass(frozen=True, slots=True)
class PublishedObject:
    """A published blob: its bytes, its metadata (small ASCII strings) and the ETag for compare-and-swap."""

    data: bytes
    metadata: Mapping[str, str]
    etag: str
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PublicationStatus:
    """A published blob without its bytes, of which there are `size`."""

    metadata: Mapping[str, str]
    etag: str
    size: int
    modified: datetime | None = field(default=None, compare=False)


class CertificateStore(Protocol):
    """What issuing needs. Inserts only, no read before write, each method one storage call.

    An insert that storage carried out but could not confirm is tried again, so Conflict may mean oneself:
    read the winner, and it may turn out to be one's own row.
    """

    def claim(self, claim: Claim) -> None:
        """Insert the owner's row. Raises Conflict if (owner, identity) is taken."""

    def find_claim(self, owner: str, identity: str) -> Claim | None:
        """One point read."""

    def link(self, owner: str, claim: Claim) -> None:
        """The same row under a second owner (a user's certificate on a device); read there, it still names
        the owner who claimed. Idempotent; a row that is there already stays as it is."""

    def commit(self, record: CertificateRecord) -> None:
        """Insert the record by issuer and serial. Raises Conflict if the serial is on record."""

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        """One point read."""


class Inventory(Protocol):
    """What administrators and device events look for."""

    def owned_by(self, owner: str) -> Iterator[Claim]:
        """All rows of an owner, with or without a record."""

    def records(self, issuer: str) -> Iterator[CertificateRecord]:
        """Every record of an issuer, by day of notAfter for our own. A scan: for people and nightly work."""

    def live(self, issuer: str, now: datetime, after: str = "") -> Iterator[tuple[str, str]]:
        """Serial and owner of every certificate that is good or held and has not ended, in the order of `records`,
        from behind the serial `after`. A scan that brings only these."""


class RevocationStore(Protocol):
    """What saying no afterwards needs."""

    def note_change(self, change: RevocationChange) -> None:
        """Write the change row (partition: issuer, UTC hour of changed_at; key: serial). Last write wins."""

    def changes(self, issuer: str, since: datetime) -> Iterator[RevocationChange]:
        """All change rows of the hours from `since` to now, in no particular order."""

    def purge_changes(self, issuer: str, before: datetime, most: int) -> int:
        """Delete the change rows of the hours before that of `before`, at most `most`; returns how many. Safe to
        run twice at once."""

    def revoked(self, issuer: str) -> Iterator[tuple[str, Revocation]]:
        """Serial and revocation of every certificate that is held or revoked: our own in ascending order, then
        those of other issuers' serials. A scan that brings only these: for nightly work."""

    def any_issued(self, issuer: str, first: datetime, last: datetime, ends_after: datetime) -> bool:
        """Whether a certificate of ours that was issued from `first` to `last` lives on after `ends_after`."""

    def set_revocation(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        """Merge the revocation into the record if its ETag still holds; returns the record as stored. Raises
        Conflict if somebody changed it meanwhile, IssuanceFault for a record that was not read from the
        store."""


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
        """Whether `identity` holds one of the `limit` uses of `name`. A repeat by a holder does not count
        again, and a holder stays one when the limit is lowered."""


class PublicationStore(Protocol):
    """The public blobs: CRLs and CA certificates. One put is atomic."""

    def read(self, name: str) -> PublishedObject | None:
        """None if there is no such blob, or could be none by that name."""

    def stat(self, name: str) -> PublicationStatus | None:
        """As `read`, without the bytes."""

    def put(
        self,
        name: str,
        data: bytes,
        *,
        content_type: str,
        max_age: int,
        metadata: Mapping[str, str] | None = None,
        replaces: PublishedObject | PublicationStatus | None = None,
        overwrite: bool = False,
    ) -> None:
        """Put a blob whole, with Content-Type and `Cache-Control: max-age` (seconds). Without `overwrite` it
        must replace exactly `replaces`, or be new when that is None; raises Conflict otherwise. Raises
        IssuanceFault for a name or metadata that storage would not give back as they are (names of metadata:
        lower case)."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message that was taken from a queue and is hidden for a while. `body` is its text, out of base64 where it is
    base64; `handle` tells storage which one it is."""

    body: str = field(repr=False)
    handle: object = field(repr=False, compare=False)


class KeptQueue(Protocol):
    """A queue that nobody listens to, such as a poison queue: people look into it."""

    def length(self) -> int:
        """How many messages there are, roughly."""

    def peek(self, most: int) -> list[str]:
        """The bodies of up to `most` (32) messages, which stay as they are."""

    def take(self, most: int) -> list[KeptMessage]:
        """Up to `most` (32) messages, hidden from others for half a minute."""

    def remove(self, message: KeptMessage) -> None:
        """Delete a message that was taken. Idempotent."""


class Queue(Protocol):
    """One storage queue, delivering at least once, in any order."""

    def send(self, message: Mapping[str, object], *, delay: int = 0) -> None:
        """Put a JSON message, visible after `delay` seconds (at most seven days). Raises MalformedMessage
        over 48 KiB."""
