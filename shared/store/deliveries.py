"""What waits for a device to fetch it, and who fetched what: the values on record, and the ports that keep them.

All times are aware, UTC, whole seconds. Every method may raise StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, by its id. `content` is what the holder of its key gets; nothing in it is readable to others.

    `issuer` and `serial` name the certificate that has to be live for it to be served, empty if there is none of ours;
    `attempt` is which claim of the request that certificate rests on. Once it is `over` its content is gone, and its id
    stays taken until it is removed. `etag` names the version that was read.
    """

    id: str
    content: bytes = field(repr=False)
    made_at: datetime
    expires_at: datetime
    issuer: str = ""
    serial: str = ""
    attempt: int = 0
    over: bool = False
    etag: str = field(default="", compare=False)


class DeliveryStore(Protocol):
    """Private blobs: nobody reads them but the app."""

    def put(self, delivery: Delivery) -> None:
        """Insert. Raises Conflict if there is one by its id (which may be this very one, inserted by a call that
        storage could not confirm), IssuanceFault for an id that is no name of a blob."""

    def find(self, identifier: str) -> Delivery | None:
        """One read; None also for what could be no id."""

    def close(self, delivery: Delivery) -> None:
        """Put an empty one that is over in place of the one that was read. Raises Conflict if it was changed or is
        gone."""

    def all(self) -> Iterator[Delivery]:
        """Every delivery, without content. A scan, for timers."""

    def remove(self, delivery: Delivery) -> None:
        """Remove the one that was read. Idempotent. Raises Conflict if it was changed."""


class Act(StrEnum):
    """What happens to a delivery."""

    FETCHED = "fetched"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class DeliveryAct:
    """One line of the record. `source` is the address that asked, `mark` (hexadecimal, random) tells lines apart."""

    delivery: str
    act: Act
    at: datetime
    mark: str
    source: str = ""


class DeliveryLog(Protocol):
    """Every fetch, and what became of each delivery; by day (UTC)."""

    def note(self, act: DeliveryAct) -> None:
        """Insert; idempotent."""

    def of(self, delivery: str, days: Iterable[date]) -> Iterator[DeliveryAct]:
        """The lines about a delivery on `days`, in order; one call a day."""

    def purge(self, before: date, most: int) -> int:
        """Delete lines of before that day, at most `most`; returns how many."""
