"""One look at a tenant's directory: read, compared with the last look, believed or not, noted, told.

Reading comes first and changes nothing: a permission that is missing, or a directory that is away, leaves everything as
it was. Events come last, from rows that are on record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from shared.errors import PKIError, PolicyViolation
from shared.intune.directory.condition import FINE
from shared.intune.directory.devices import DeviceComparison
from shared.intune.directory.objects import Delta, DirectoryReader, EntraUser
from shared.intune.directory.shrinkage import Shrinkage
from shared.intune.directory.telling import Teller
from shared.intune.directory.users import Users
from shared.intune.rounds import note_round
from shared.store.directory import Kind, Known, Note, Notes

log = logging.getLogger("scepter.directory")

_FORGET_AFTER: Final = timedelta(days=90)
_MANY: Final = 500
"""So many users at once are compared with a scan instead of one by one."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Of one integration. `percent` of what there was may go between two looks."""

    integration: str
    reader: DirectoryReader
    notes: Notes
    teller: Teller
    percent: int

    def run(self) -> None:
        """Devices, then users; what is wrong with one does not keep the other. Raises StoreUnavailable."""
        for kind, look in (("device", self._devices), ("user", self._users)):
            name = note_name(self.integration, kind)
            note = self.notes.read(name)
            content = dict(note.content) if note else {}
            try:
                found, problem = look(content), None
            except PKIError as error:
                log.warning("directory %s: %ss: %s", self.integration, kind, error.reason)
                found, problem = {}, error
            note_round(self.notes, name, self._now, found, problem)

    @property
    def _now(self) -> datetime:
        return self.teller.clock()

    def _devices(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be noted. Raises what the reader raises, StoreUnavailable, Conflict."""
        accounts = self.reader.devices(content.get("link", ""))
        managed = self.reader.managed_devices()
        known = {row.key: row for row in self.teller.store.all(self.integration, "device")}
        first = content.get("first", True)
        comparison = DeviceComparison(self.integration, known, self._now, first)
        comparison.take_accounts(accounts.found, complete=accounts.complete)
        comparison.take_managed(managed)
        counts = {"accounts": len(accounts.found), "listed": len(managed)}
        alarm = self._alarm("devices", comparison.shrinkage(listed=len(managed)), content)
        if alarm:
            return counts | alarm
        rows = [self._first_told(row) if first and row.key not in known else row for row in comparison.rows()]
        self.teller.store.put_all(rows)
        told = self.teller.tell_all([*rows, *_left_untold(known, rows)])
        self._forget(known, comparison.moved)
        return counts | self._well(accounts, first, told)

    def _users(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The same for users."""
        delta = self.reader.users(content.get("link", ""))
        first, users = content.get("first", True), Users(self.integration, self.teller)
        many = first or delta.complete or len(delta.found) > _MANY
        known = {}
        if many:
            known = {row.key: row for row in self.teller.store.all(self.integration, "user")}
        found = [*delta.found, *(_not_found(delta.found, known.values()) if delta.complete else ())]
        gone = sum(
            1 for user in found if user.removed and not _was_removed(known.get(user.object_id.lower()))
        )
        before = max(int(content.get("users", 0)), len(known))
        counts = {"changed": len(found)}
        alarm = self._alarm(
            "users", Shrinkage(gone, before, bool(known) and delta.complete and not delta.found), content
        )
        if alarm:
            return counts | alarm
        if many:
            told = users.take_all(found, known, first=first)
            counts["users"] = len({*known, *(user.object_id.lower() for user in found)})
        else:
            told = sum(users.take(user) for user in found)
        return counts | self._well(delta, first, told)

    def _alarm(self, what: str, shrinkage: Shrinkage, content: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be noted of a listing that is not believed; empty if it is."""
        if not shrinkage.is_suspicious(self.percent, int(content.get("accepted", 0))):
            return {}
        log.critical("directory %s: %s: %s; nothing is done", self.integration, what, shrinkage)
        return {"alarm": str(shrinkage), "gone": shrinkage.gone}

    def _well(self, delta: Delta[Any], first: bool, told: int) -> dict[str, Any]:
        return {
            "link": delta.link,
            "first": first and delta.more,
            "told": told,
            "alarm": "",
            "gone": 0,
            "accepted": 0,
        }

    def _first_told(self, row: Known) -> Known:
        """At a first look only what concerns certificates is told."""
        return row if row.condition == FINE else replace(row, told=not self.teller.has_certificates(row))

    def _forget(self, known: Mapping[str, Known], moved: Set[str]) -> None:
        """Rows that are of no use any more, and of what has been gone for long."""
        old = [row for row in known.values() if row.key in moved or self._is_long_gone(row)]
        self.teller.store.forget_all(old)

    def _is_long_gone(self, row: Known) -> bool:
        gone = row.facts.get("removed") or row.facts.get("vanished")
        return bool(gone) and not row.facts.get("intune") and self._now - row.since > _FORGET_AFTER


def note_name(integration: str, kind: str) -> str:
    """Under which the looks at devices, or users, are noted."""
    return f"{integration}.{kind}s"


def accept_shrinkage(notes: Notes, integration: str, kind: Kind, now: datetime) -> int:
    """Say that what is missing now is really gone: the next look believes it, if no more is missing by then. Returns
    how many that is. Raises PolicyViolation where nothing waits for that."""
    note = notes.read(note_name(integration, kind))
    if note is None or not note.content.get("alarm"):
        raise PolicyViolation(
            f"no listing of {integration} waits to be accepted",
            public=f"No listing of {kind}s of {integration} waits to be accepted.",
        )
    gone = int(note.content["gone"])
    notes.write(Note(note.name, now, {**note.content, "accepted": gone}))
    return gone


def _left_untold(known: Mapping[str, Known], rows: Iterable[Known]) -> list[Known]:
    """What a run that was cut off has left."""
    now = {row.key for row in rows}
    return [row for row in known.values() if not row.told and row.key not in now]


def _not_found(found: Iterable[EntraUser], known: Iterable[Known]) -> list[EntraUser]:
    there = {user.object_id.lower() for user in found}
    return [EntraUser(row.names.get("id", row.key), removed=True) for row in known if row.key not in there]


def _was_removed(known: Known | None) -> bool:
    return known is not None and bool(known.facts.get("removed"))
