"""What somebody outside has yet to hear of: certificates nobody may have before, and failures. Values and ports.

The rows are short-lived: minutes, a day at most. `memory_outbox` is the reference implementation, `outbox_table` the
one in Azure Tables; tests/contracts holds both to the same promises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Unreported:
    """A certificate that may not leave before its issuance is acknowledged. `owner` and `identity` are its claim's.

    `condemned`: it was decided that it never leaves, and it is being revoked. `etag` names the version that was read.
    """

    issuer: str
    serial: str
    owner: str
    identity: str
    noted_at: datetime
    condemned: bool = False
    etag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FailureReport:
    """A failure of ours to be told to the integration that had allowed the request, from `due_at` on.

    `request` is the sealed PKCS #10 request. `owner` and `identity` tell whether the request was served after all.
    """

    integration: str
    transaction_id: str
    owner: str
    identity: str
    request: bytes = field(repr=False)
    result: int
    description: str
    noted_at: datetime
    due_at: datetime

    @property
    def id(self) -> str:
        """The same for every failure of one request."""
        parts = (self.integration, self.transaction_id, self.identity)
        return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Outbox(Protocol):
    """Certificates that wait to be reported. Each method but `waiting` is one storage call; all may raise
    StoreUnavailable."""

    def expect(self, unreported: Unreported) -> Unreported:
        """Insert; returns it as stored. Raises Conflict if its serial waits already (which may be this very one,
        inserted by a call that storage could not confirm)."""

    def lookup(self, issuer: str, serial: str) -> Unreported | None:
        """One point read; None for what was reported, or never waited."""

    def condemn(self, unreported: Unreported) -> Unreported:
        """Decide that it never leaves, if it is still as it was read; returns it as stored. Raises Conflict if it was
        changed or is gone, IssuanceFault if it was not read from the store."""

    def settle(self, unreported: Unreported) -> None:
        """Strike it off if it is still as it was read. Raises Conflict if it was changed, IssuanceFault if it was not
        read from the store; what is gone is settled."""

    def waiting(self) -> Iterator[Unreported]:
        """All of them. A scan, for a timer: there are as many as are being issued, and few more."""


class FailureReports(Protocol):
    """Failures that wait to be told. Every method may raise StoreUnavailable."""

    def add(self, report: FailureReport) -> None:
        """Insert or replace by id. Raises MalformedMessage if it is too large."""

    def reports(self) -> Iterator[FailureReport]:
        """All of them. A scan, for a timer."""

    def drop(self, report: FailureReport) -> None:
        """Idempotent."""
