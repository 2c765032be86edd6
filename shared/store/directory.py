"""What is known of a tenant's directory between two looks at it: devices and users, subscriptions, notes of timers.

Nothing here decides alone; all of it can be read again from the directory. Times are aware, UTC, whole seconds. Every
method may raise StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Kind = Literal["device", "user"]


@dataclass(frozen=True, slots=True)
class Known:
    """A device or user as the directory had it last, by `key` within its integration.

    `names` are the ids an event gives, by the fields of its document; `facts` what is compared with the next look.
    `condition` is what follows from them, since when, and `told` whether that has become an event: until it has, the
    same event is made again. `etag` names the version that was read.
    """

    integration: str
    kind: Kind
    key: str
    names: Mapping[str, str]
    facts: Mapping[str, Any]
    condition: str
    since: datetime
    told: bool = True
    etag: str = field(default="", compare=False)


class DirectoryStore(Protocol):
    """Devices and users of each integration."""

    def find(self, integration: str, kind: Kind, key: str) -> Known | None:
        """One point read."""

    def all(self, integration: str, kind: Kind) -> Iterator[Known]:
        """Everything of a kind, by key. A scan, for timers."""

    def put_all(self, known: Sequence[Known]) -> None:
        """Put them as they are now, a hundred in one call; the last word counts."""

    def advance(self, known: Known, read: Known | None) -> Known:
        """Put `known` in place of the version that was read, or of none; returns it as stored. Raises Conflict if
        another one stands there by now."""

    def forget_all(self, known: Sequence[Known]) -> None:
        """Delete them. Idempotent."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to change notifications, which go to `url`. `digest` is the hex SHA-256 of its clientState;
    `tenant` is the id that its notifications name, empty if it is not known."""

    id: str
    integration: str
    tenant: str
    resource: str
    url: str
    digest: str
    expires_at: datetime


class SubscriptionStore(Protocol):
    """Subscriptions that were made."""

    def find(self, identifier: str) -> Subscription | None:
        """One point read."""

    def all(self) -> Iterator[Subscription]:
        """Every subscription, by id. There are a few for each tenant."""

    def put(self, subscription: Subscription) -> None:
        """Insert or replace."""

    def remove(self, subscription: Subscription) -> None:
        """Idempotent."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a timer wrote down at its end: where to go on, what it counted, what is wrong. `content` is JSON."""

    name: str
    at: datetime
    content: Mapping[str, Any]


class Notes(Protocol):
    """Notes of timers, by name."""

    def read(self, name: str) -> Note | None:
        """One point read."""

    def write(self, note: Note) -> None:
        """The last word counts. Raises MalformedMessage for one that is larger than a row."""
