"""What was found out about a device or user, told as an event on `device-events`: once, however often it is tried.

First the row says what is to be told and since when, then the event goes out under an id that follows from the row,
then the row says that it was told. Whoever is cut off in between tells the same event again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from shared.devices.document import DeviceIds, EventDocument, UserIds, message_of
from shared.intune.directory.condition import event_of
from shared.store.directory import DirectoryStore, Known
from shared.store.ports import Claim, Queue

log = logging.getLogger("scepter.directory")

SOURCE: Final = "directory"


class Owners(Protocol):
    """Who knows what an owner has."""

    def owned_by(self, owner: str) -> Iterable[Claim]:
        """All rows of an owner. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Teller:
    """`queue` is `device-events`; `clock` gives the time now."""

    store: DirectoryStore
    queue: Queue
    owners: Owners
    clock: Callable[[], datetime]

    def has_certificates(self, known: Known) -> bool:
        """Whether any of its names owns one. Raises StoreUnavailable."""
        document = _document(known)
        return any(True for owner in document.owners() for _ in self.owners.owned_by(owner))

    def tell_all(self, known: Sequence[Known]) -> int:
        """Tell what is not told yet of rows that are on record so; returns how many events it was. Raises
        StoreUnavailable."""
        untold = [each for each in known if not each.told]
        for each in untold:
            self._send(each)
        self.store.put_all([replace(each, told=True) for each in untold])
        return len(untold)

    def tell(self, known: Known) -> None:
        """The same of one, which others may be at too. Raises StoreUnavailable, Conflict."""
        if not known.told:
            self._send(known)
            self.store.advance(replace(known, told=True), known)

    def _send(self, known: Known) -> None:
        log.info("directory %s: %s %s is %s", known.integration, known.kind, known.key, known.condition)
        self.queue.send(message_of(_document(known), self.clock()))


def _document(known: Known) -> EventDocument:
    since = known.since.astimezone(UTC)
    names = {name: value for name, value in known.names.items() if value}
    return EventDocument(
        id=f"{known.key}.{known.condition}.{since:%Y%m%dT%H%M%SZ}",
        type=event_of(known.kind, known.condition),
        occurred_at=since,
        source=SOURCE,
        device=DeviceIds.model_validate(names) if known.kind == "device" else None,
        user=UserIds.model_validate(names) if known.kind == "user" else None,
    )
