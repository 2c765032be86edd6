"""Holds that events placed: they become revocations when their time is over, or are undone all together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.errors import UnknownCertificate
from shared.revocation.service import RevocationService
from shared.store.devices import Hold, HoldStore
from shared.store.ports import Status

log = logging.getLogger("scepter.revocation")


@dataclass(frozen=True, slots=True)
class Holds:
    """Safe to run twice at once and to be cut off anywhere."""

    store: HoldStore
    revocations: RevocationService
    clock: Callable[[], datetime]

    def finalise(self) -> int:
        """Revoke what is due and still held; returns how many certificates were revoked."""
        return sum(self._finalise(hold) for hold in self.store.due(self.clock()))

    def undo(self, source: str, since: datetime) -> Iterator[Hold]:
        """Lift the holds that events of `source` placed at or after `since`, one by one. What was revoked stays so."""
        for hold in self.store.all():
            if hold.source != source or hold.held_at < since or not _is_of_an_event(hold):
                continue
            lifted = self._lift(hold)
            self.store.forget(hold)
            if lifted:
                yield hold

    def _finalise(self, hold: Hold) -> bool:
        revoked = False
        try:
            record = self.revocations.finalise(hold, note=f"{hold.event}, after its hold")
            revoked = record.status is Status.REVOKED
        except UnknownCertificate:
            log.warning("certificate %s was held and is not on record", hold.serial)
        self.store.forget(hold)
        return revoked

    def _lift(self, hold: Hold) -> bool:
        try:
            return self.revocations.lift(hold.issuer, hold.serial, held_by=hold.by).status is Status.GOOD
        except UnknownCertificate:
            return False


def held_by(source: str) -> str:
    """What the record says of a hold that good news from the same source lifts."""
    return f"hold:{source}"


def revoked_by(source: str) -> str:
    """What the record says of a revocation by an event, and of a hold that is to become one."""
    return f"event:{source}"


def _is_of_an_event(hold: Hold) -> bool:
    # What somebody else had on hold already is noted too, so that it becomes final; it is not ours to lift.
    return hold.by in (held_by(hold.source), revoked_by(hold.source))
