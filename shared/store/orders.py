"""Orders of named callers for something that is made and delivered: the value on record, and the port that keeps it.

An order is known by its kind, its caller and the caller's own id for it, and means one body only. All times are aware,
UTC, whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class OrderState(StrEnum):
    """How far an order has come. A failed one may be tried again; a delivered one is done."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """One order on record. `digest` is of its body; `delivery` and `serial` are what came of it, `note` is why nothing
    did. Nothing of its attributes is kept but device and user, by which it is found."""

    kind: str
    caller: str
    id: str
    digest: str
    profile: str
    state: OrderState
    requested_at: datetime
    handled_at: datetime
    device: str = ""
    user: str = ""
    delivery: str = ""
    serial: str = ""
    note: str = ""


class OrderLog(Protocol):
    """Every order, once. Every method may raise StoreUnavailable."""

    def begin(self, entry: OrderEntry) -> OrderEntry | None:
        """Insert; returns the entry that was there already instead, if one was. One call, two for a repeat."""

    def conclude(self, entry: OrderEntry) -> None:
        """Put the entry as it is now; the last word counts."""

    def find(self, kind: str, caller: str, identifier: str) -> OrderEntry | None:
        """One point read."""

    def entries(self, kind: str) -> Iterator[OrderEntry]:
        """Everything of a kind, by caller and id. A scan, for administrators and timers."""

    def purge(self, kind: str, before: datetime, most: int) -> int:
        """Delete entries of a kind handled before a moment, at most `most`; returns how many."""
