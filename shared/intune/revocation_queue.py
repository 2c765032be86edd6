"""Intune's revocation queue, emptied: each item becomes an event of one certificate, answered when that is durable.

The queue gives no date and no reason, may give an item twice or again, and asks again until it is answered. So an event
is named after its certificate: a repeat finds the event on record. Only where a hold was undone, or a parked event
thrown away, is a further request a new event.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final, Literal, Protocol

from shared.devices.document import CertificateIds, EventDocument, message_of
from shared.devices.outcome import Outcome
from shared.devices.service import Delivery
from shared.errors import DependencyError, PKIError
from shared.intune.client import MOST_REVOCATIONS, IntuneClient
from shared.intune.matching import Matching
from shared.intune.revocations import RevocationError, RevocationRequest, RevocationResult
from shared.policy.events import EventType
from shared.revocation.holds import held_by, revoked_by
from shared.store.devices import EventEntry, EventLog, EventState
from shared.store.ports import CertificateRecord, Status

log = logging.getLogger("scepter.intune")

SOURCE: Final = "intune"
_AT_ONCE: Final = 8
_ANSWERED_TOGETHER: Final = 100
_NO_NEW_PAGE_AFTER: Final = timedelta(seconds=150)
"""The platform ends a run after five minutes."""
_SAID: Final = 200

Fate = Literal["done", "refused", "unknown", "failed"]


class Events(Protocol):
    """What handles events; raises what DeviceEvents.handle raises."""

    def handle(self, delivery: Delivery) -> Outcome: ...


@dataclass(slots=True)
class Emptied:
    """What a run came to, in items: `done` revoked, held or waiting for somebody's word; `refused` told that they never
    will be; `unknown` serials that are not on record; `failed` such as come again. `problem` is why it ended early, and
    `blocked` says that a full page held nothing to answer, behind which there may be more."""

    done: int = 0
    refused: int = 0
    unknown: int = 0
    failed: int = 0
    blocked: bool = False
    problem: PKIError | None = None

    def count(self, fate: Fate) -> None:
        """One more."""
        setattr(self, fate, getattr(self, fate) + 1)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Without a result nothing is answered, and the item comes again."""

    fate: Fate
    result: RevocationResult | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RevocationQueue:
    """The queue of one integration. `names` are the issuers to ask for, none for all; `sole` says that no other
    authority of the tenant could know a serial that we do not."""

    client: IntuneClient
    matching: Matching
    events: Events
    log: EventLog
    names: tuple[str, ...]
    sole: bool
    clock: Callable[[], datetime]

    def run(self) -> Emptied:
        """Empty the queue as far as it goes. Safe to be cut off anywhere, and to run twice at once."""
        emptied, begun = Emptied(), self.clock()
        try:
            for name in self.names or (None,):
                while self._page(name, emptied) and self.clock() - begun < _NO_NEW_PAGE_AFTER:
                    pass
        except PKIError as error:
            emptied.problem = error
        log.info("integration %s: its revocation queue: %s", self.client.tenant.name, emptied)
        return emptied

    def _page(self, issuer: str | None, emptied: Emptied) -> bool:
        """One download; whether there may be more. Raises IntuneUnavailable, CallRefused, DependencyError."""
        requests = self.client.download_revocations(MOST_REVOCATIONS, issuer)
        # The same certificate may be in it twice: it is one event, and both are answered.
        together: dict[tuple[str, ...], list[RevocationRequest]] = {}
        for request in requests:
            together.setdefault(self.matching.key(request), []).append(request)
        groups, answered = list(together.values()), 0
        with ThreadPoolExecutor(_AT_ONCE, "intune-revocations") as threads:
            for start in range(0, len(groups), _ANSWERED_TOGETHER):
                some = groups[start : start + _ANSWERED_TOGETHER]
                answers = [each for found in threads.map(self._answers, some) for each in found]
                answered += self._upload(answers, emptied)
        full = len(requests) == MOST_REVOCATIONS
        emptied.blocked |= full and not answered
        return full and answered > 0

    def _upload(self, answers: Sequence[_Answer], emptied: Emptied) -> int:
        """Tell Intune; how many items it was."""
        results = [each.result for each in answers if each.result is not None]
        if results:
            self.client.upload_results(results)
        for each in answers:
            emptied.count(each.fate)
        trouble = next((each.trouble for each in answers if each.trouble), "")
        if trouble and not results:
            raise DependencyError(trouble)
        return len(results)

    def _answers(self, requests: Sequence[RevocationRequest]) -> list[_Answer]:
        """What becomes of a certificate, once for each time that it is asked for."""
        serial = requests[0].serial
        try:
            record = self.matching.find(requests[0])
            if record is None:
                log.warning("Intune asks to revoke a serial that is not on record: %.60a", serial)
                return [self._unknown(each) for each in requests]
            error, message = self._revoke(record)
        except PKIError as problem:
            log.warning("the revocation of %.60a waits: %s", serial, problem.reason)
            return [_Answer("failed", trouble=problem.reason)] * len(requests)
        if error is None:
            return [_Answer("failed")] * len(requests)
        fate: Fate = "done" if error is RevocationError.NONE else "refused"
        return [_Answer(fate, RevocationResult(each.context, error, message)) for each in requests]

    def _unknown(self, request: RevocationRequest) -> _Answer:
        if not self.sole:  # it may be another authority's, which has yet to ask for it
            return _Answer("unknown")
        message = "no such certificate is on record"
        return _Answer(
            "unknown", RevocationResult(request.context, RevocationError.CERTIFICATE_NOT_FOUND, message)
        )

    def _revoke(self, record: CertificateRecord) -> tuple[RevocationError | None, str]:
        """See to it; what Intune is told, None for nothing yet. Raises what handling an event raises."""
        now = self.clock()
        if record.status is Status.REVOKED or record.not_after <= now:
            return RevocationError.NONE, ""
        identifier, at = self._event(record, now)
        document = EventDocument(
            id=identifier,
            type=EventType.REVOCATION_REQUESTED,
            occurred_at=at,
            source=SOURCE,
            certificate=CertificateIds(issuer=record.issuer, serial=record.serial),
        )
        outcome = self.events.handle(
            Delivery(document.event(now), lambda: message_of(document, now), received_at=now)
        )
        if outcome.state is EventState.PARKED:  # an administrator has the last word
            return RevocationError.NONE, ""
        after = self.matching.records.find(record.issuer, record.serial)
        if after is not None and after.status is not Status.GOOD:
            return RevocationError.NONE, ""
        if outcome.state is EventState.IGNORED:
            return RevocationError.NOT_SUPPORTED, f"profile {record.profile} ignores such requests"[:_SAID]
        return None, ""

    def _event(self, record: CertificateRecord, now: datetime) -> tuple[str, datetime]:
        """The id and the time of the event: those of the one on record, unless that is history."""
        for number in count():
            identifier = f"{record.serial}.{number}" if number else record.serial
            entry = self.log.find(SOURCE, identifier)
            if entry is None:
                return identifier, now
            if not _is_history(entry, record):
                return identifier, entry.occurred_at
        raise AssertionError("count() has no end")


def _is_history(entry: EventEntry, record: CertificateRecord) -> bool:
    """Whether what became of an event was undone or refused since, so that whoever asks again asks anew."""
    if entry.state in (EventState.BEGUN, EventState.PARKED):
        return False
    held = record.revocation is not None and record.revocation.by in (held_by(SOURCE), revoked_by(SOURCE))
    return not (entry.state is EventState.APPLIED and held)
