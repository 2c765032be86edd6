"""Requests for deliveries of imported PFX files: what was asked, what became of it, and the port that keeps both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class RequestState(StrEnum):
    """How far a request has come. `delivered` is final."""

    BEGUN = "begun"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """One certificate of a request. `failure` is empty if it was delivered, else why not."""

    thumbprint: str
    purpose: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class PFXRequestEntry:
    """One request on record, by caller and id. `digest` is of its content, so that an id means one request only.

    `recipient` is the serial number of the certificate that was sealed to; `failure` is why nothing was delivered.
    """

    caller: str
    id: str
    digest: str
    user: str
    device: str
    begun_at: datetime
    state: RequestState = RequestState.BEGUN
    recipient: str = ""
    parts: tuple[Part, ...] = ()
    failure: str = ""
    ended_at: datetime | None = None


class PFXRequestLog(Protocol):
    """Every request, once."""

    def begin(self, entry: PFXRequestEntry) -> PFXRequestEntry | None:
        """Insert; returns the entry that was there already instead, if one was. One call, two for a repeat."""

    def find(self, caller: str, identifier: str) -> PFXRequestEntry | None:
        """One point read."""

    def deliver(self, entry: PFXRequestEntry) -> None:
        """Put the entry as it is now. Every delivery of a request says the same, so the last word may count."""

    def fail(self, entry: PFXRequestEntry) -> PFXRequestEntry:
        """Put the entry unless the request was delivered, perhaps meanwhile; returns what is on record then."""

    def entries(self, caller: str | None = None) -> Iterator[PFXRequestEntry]:
        """Everything on record, by caller and id. A scan, for administrators."""

    def purge(self, before: datetime, most: int) -> int:
        """Delete entries begun before a moment, at most `most`; returns how many."""
