"""Migrating what is stored, beside a running app.

Every row says its version, so whoever starts again after an interruption finds what is left; nothing else is
remembered. A row is merged as it was read (ETag): who changes it meanwhile wins, and it is read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.errors import Conflict, StoreUnavailable
from shared.store.addresses import Address
from shared.store.columns import Row, keys
from shared.store.entity_table import EntityTable
from shared.store.migrations import Ladder
from shared.store.ports import KeptMessage, KeptQueue, Queue

_COLUMNS: Final = ("PartitionKey", "RowKey", "schema_version")
_ATTEMPTS: Final = 5
_PAGE: Final = 32

Progress = Callable[[str, int], None]
"""Told of a place: how many of its rows or messages were looked at."""


@dataclass
class Tally:
    """Of a table or queue: how many are of this version, of an older one (`older`, and of these `migrated`), of a
    newer one, and how many are `strange`: without a version, or not what it says. The last two stay as they are."""

    place: str
    version: int
    current: int = 0
    older: int = 0
    migrated: int = 0
    newer: int = 0
    strange: int = 0

    @property
    def seen(self) -> int:
        """All of them."""
        return self.current + self.older + self.newer + self.strange

    def count(self, version: object) -> bool:
        """Whether an item of `version` has to be migrated."""
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self.strange += 1
        elif version == self.version:
            self.current += 1
        elif version > self.version:
            self.newer += 1
        else:
            self.older += 1
            return True
        return False


def upgrade_table(name: str, table: EntityTable, ladder: Ladder, *, write: bool, progress: Progress) -> Tally:
    """Migrate the rows of a table; without `write`, only count. Raises StoreUnavailable."""
    tally = Tally(name, ladder.current(name))
    for row in table.everything(f"table {name}", select=_COLUMNS):
        if tally.count(row.get("schema_version")) and write:
            _migrate(Address(row["PartitionKey"], row["RowKey"]), table, ladder, tally)
        progress(name, tally.seen)
    return tally


def _migrate(address: Address, table: EntityTable, ladder: Ladder, tally: Tally) -> None:
    for _ in range(_ATTEMPTS):
        row = table.get(address, "upgrade")
        if row is None or row["schema_version"] >= tally.version:
            return  # deleted, or migrated by somebody else
        changed = _changes(row, row["schema_version"], ladder, tally)
        if changed is None:
            return
        merged: Row = {**keys(address), **changed, "schema_version": tally.version}
        try:
            table.merge(merged, str(row.metadata["etag"]), "upgrade")
        except Conflict:
            continue
        tally.migrated += 1
        return
    raise StoreUnavailable(f"upgrade: a row of {tally.place} changes faster than it can be migrated")


def _changes(old: Mapping[str, Any], version: int, ladder: Ladder, tally: Tally) -> dict[str, Any] | None:
    try:
        return ladder.changes(tally.place, old, version)
    except (KeyError, TypeError, ValueError):
        tally.older -= 1
        tally.strange += 1
        return None


def upgrade_queue(
    name: str, kept: KeptQueue, queue: Queue, ladder: Ladder, *, write: bool, progress: Progress
) -> Tally:
    """Migrate the messages of a poison queue, each sent anew before the old one is removed; without `write`, only
    count those that can be seen. What waits on other queues is read by the app, whichever of the two versions it is."""
    tally = Tally(name.removesuffix("-poison"), ladder.current(name.removesuffix("-poison")))
    if not write:
        for body in kept.peek(_PAGE):
            tally.count(_document(body).get("version"))
        return tally
    left = kept.length()
    while left > 0 and (taken := kept.take(min(left, _PAGE))):
        left -= len(taken)
        for message in taken:
            _resend(message, kept, queue, ladder, tally)
            progress(name, tally.seen)
    return tally


def _resend(message: KeptMessage, kept: KeptQueue, queue: Queue, ladder: Ladder, tally: Tally) -> None:
    document = _document(message.body)
    if not tally.count(document.get("version")):
        return
    changed = _changes(document, document["version"], ladder, tally)
    if changed is not None:
        queue.send({**document, **changed, "version": tally.version})
        kept.remove(message)  # only now; to handle one twice does no harm
        tally.migrated += 1


def _document(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
