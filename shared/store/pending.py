"""Requests that wait for an administrator or an outside CA: the value on record, and the port that keeps it.

What is needed to issue is kept, and nothing else of the request: never its challenge, so never the CSR. Only where an
outside CA has to see the CSR itself is that kept too, encrypted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Protocol


class Decision(StrEnum):
    """What an administrator says of a request."""

    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, by whom and when."""

    decision: Decision
    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """One request on record until its `patience` is over, counted from its arrival or from the verdict.

    `signer_key_hash` is of the key that signed the message, as every poll for it does; `identity` and what follows
    up to `challenge_minted_at` are the order's. `subject` (Name), `spki` and `extensions` (Extensions) are DER, `life`
    is how long the certificate is to live. `predecessor` is the serial that a renewal replaces, `sealed_request` the
    encrypted CSR for an outside CA. `etag` names the version that was read.
    """

    profile: str
    transaction_id: str
    signer_key_hash: str
    identity: str
    vouched_by: str
    subject: bytes
    spki: bytes = field(repr=False)
    extensions: bytes = field(repr=False)
    life: timedelta
    requested_at: datetime
    patience: timedelta
    device: str = ""
    user: str = ""
    challenge_minted_at: datetime | None = None
    verdict: Verdict | None = None
    predecessor: str = ""
    sealed_request: bytes = field(default=b"", repr=False)
    etag: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """What administrators call it."""
        return request_id(self.profile, self.transaction_id, self.signer_key_hash)

    @property
    def key_hash(self) -> str:
        """Hexadecimal SHA-256 of the SubjectPublicKeyInfo to be certified."""
        return sha256(self.spki).hexdigest()

    @property
    def ends_at(self) -> datetime:
        """When it is forgotten."""
        return (self.verdict.at if self.verdict else self.requested_at) + self.patience

    @property
    def state(self) -> str:
        """`pending`, `approved` or `denied`."""
        return self.verdict.decision.value if self.verdict else "pending"


def request_id(profile: str, transaction_id: str, signer_key_hash: str) -> str:
    """The id of a request by what every message about it carries. Fit for URLs: `<profile>.<24 digits>`."""
    parts = (profile, transaction_id, signer_key_hash)
    return f"{profile}.{sha256(repr(parts).encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


class PendingRequests(Protocol):
    """Requests that wait. Each method but `all` is one storage call, and all may raise StoreUnavailable."""

    def create(self, request: PendingRequest) -> None:
        """Insert. Raises Conflict if a request has its id, or waits in its profile under its identity (which may
        be this very one, inserted by a call that storage could not confirm); MalformedMessage if it is too
        large."""

    def find(self, identifier: str) -> PendingRequest | None:
        """One point read."""

    def holder(self, profile: str, identity: str) -> str | None:
        """The id of the request that waits under an identity."""

    def decide(self, request: PendingRequest, verdict: Verdict) -> PendingRequest:
        """Write the verdict if the request is still as it was read; returns it as stored. Raises Conflict if it
        was changed or is gone, IssuanceFault if it was not read from the store."""

    def all(self) -> Iterator[PendingRequest]:
        """Every request, by profile. A scan, for administrators and timers."""

    def forget(self, request: PendingRequest) -> None:
        """Idempotent."""
