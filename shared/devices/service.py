"""Handling device events: each once in effect, however often and in whatever order they come.

An event reaches only what was there when it happened, and comes back when the last challenge of before has ended.
Holds and lifts of one device obey the newest of them. Above the brake's limit events are parked, not lost. An event of
one certificate goes the same way, for that certificate.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.devices.acts import Acts, changes, holds, is_reversible, opposite
from shared.devices.event import DeviceEvent
from shared.devices.names import NameFinder, Names
from shared.devices.outcome import Outcome
from shared.devices.plan import Effect, is_overtaken, plan, promise_of, sweep_again_at
from shared.devices.waiting import deny_waiting
from shared.errors import Conflict, MalformedMessage, UnknownCertificate
from shared.policy.events import EventType
from shared.policy.profiles import Profiles
from shared.revocation.brake import Brake
from shared.revocation.service import RevocationService
from shared.store.devices import (
    DeviceStore,
    EventEntry,
    EventLog,
    EventState,
    HoldStore,
    ParkedEvent,
    ParkedEvents,
    Standing,
)
from shared.store.pending import PendingRequests
from shared.store.ports import CertificateRecord, CertificateStore, Claim, Inventory, Queue

log = logging.getLogger("scepter.devices")

_TRIES: Final = 4
_LONGEST_DELAY: Final = timedelta(days=7)  # of a queue
_DONE: Final = frozenset({EventState.APPLIED, EventState.IGNORED, EventState.PARKED, EventState.DISCARDED})


class Records(CertificateStore, Inventory, Protocol):
    """What is on record of devices' certificates."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as it was delivered. `message` is what the queue brought, to be queued again; `run` counts how often it
    came back, `released` says that it has passed the brake by word of an administrator."""

    event: DeviceEvent
    message: Callable[[], Mapping[str, object]]
    received_at: datetime
    run: int = 0
    released: bool = False


@dataclass(frozen=True, slots=True)
class DeviceEvents:
    """`again` is the queue that deliveries come from; `clock` gives the time now; `waiting` are enrolments that wait
    for approval, None where no profile asks for one."""

    records: Records
    devices: DeviceStore
    log: EventLog
    holds: HoldStore
    parked: ParkedEvents
    brake: Brake
    revocations: RevocationService
    profiles: Profiles
    again: Queue
    clock: Callable[[], datetime]
    waiting: PendingRequests | None = None

    def handle(self, delivery: Delivery) -> Outcome:
        """Do what the event says. Raises MalformedMessage (its id was another event's), UnknownCertificate (the one it
        names is not on record), StoreUnavailable, Conflict."""
        delivery = replace(delivery, event=self._addressed(delivery.event))
        entry = self._entry(delivery)
        if delivery.run == 0:
            before = self.log.begin(entry)
            if before is not None and before.digest != entry.digest:
                raise MalformedMessage(f"event {entry.id} of {entry.source} was told before, and otherwise")
            if before is not None and before.state in _DONE and not delivery.released:
                return Outcome.of(before)
        outcome = self._act(delivery)
        self._conclude(entry, outcome, delivery.run)
        self._come_back(delivery, outcome)
        return outcome

    def preview(self, event: DeviceEvent) -> tuple[Outcome, list[Effect]]:
        """What the event would do now, and to which certificates; nothing is written, and the brake is not asked."""
        event = self._addressed(event)
        names = NameFinder(self.devices).find(event.owners)
        effects, _ = self._effects(event, names)
        reached = self._reached(event, effects)
        return Outcome.planned(reached), reached

    @property
    def acts(self) -> Acts:
        return Acts(self.revocations, self.holds)

    def _act(self, delivery: Delivery) -> Outcome:
        event, finder = delivery.event, NameFinder(self.devices)
        names = finder.find(event.owners)
        finder.learn(names)
        effects, stale = self._effects(event, names)
        now = self.clock()
        later = tuple(effect.at for effect in effects if effect.at > now)
        reached = self._reached(event, effects)
        if self._is_braked(delivery, names, reached):
            return Outcome(EventState.PARKED)
        # Also where nothing changes: a hold on what is held already is newer than a lift that is yet to come.
        holding = any(holds(effect) for effect in effects if effect.at <= now)
        if not stale and (holding or event.type is EventType.ENABLED):
            stale = not self._advance(event, names)
            reached = [effect for effect in reached if not stale or not is_reversible(effect)]
        if self.waiting is not None and event.certificate is None:
            deny_waiting(self.waiting, event, names.owners, self.profiles.profiles, now)
        done = [self.acts.carry_out(effect, event) for effect in reached]
        self._yield_to_newer(event, names, reached)
        note = "older than a hold or lift that is known" if stale else ""
        return Outcome.applied(done, later=later, note=note)

    def _effects(self, event: DeviceEvent, names: Names) -> tuple[list[Effect], bool]:
        """What the event would do, and whether its holds and lifts are history already."""
        terms = self.profiles.terms(event.source)
        claims = self._claims(event, names)
        effects = plan(event, claims, self.profiles.profiles, bulk=terms.bulk, now=self.clock())
        standing = names.standing(event.source)
        if standing is None or standing.rank <= _standing(event).rank:
            return effects, False
        kept = (each for each in effects if not is_reversible(each))
        return [effect for effect in kept if not is_overtaken(effect, event, standing)], True

    def _claims(self, event: DeviceEvent, names: Names) -> list[Claim]:
        """Whatever the event may reach."""
        if event.certificate is not None:
            return [promise_of(self._record(event))]
        claims: dict[tuple[str, str], Claim] = {}
        for owner in names.owners:
            claims |= {(claim.issuer, claim.serial): claim for claim in self.records.owned_by(owner)}
        return list(claims.values())

    def _addressed(self, event: DeviceEvent) -> DeviceEvent:
        """The event with the owner of the certificate it names."""
        return event if event.certificate is None else replace(event, owners=(self._record(event).owner,))

    def _record(self, event: DeviceEvent) -> CertificateRecord:
        one = event.certificate
        found = None if one is None else self.records.find(one.issuer, one.serial)
        if found is None:
            raise UnknownCertificate(f"event {event.id} of {event.source} names no certificate on record")
        return found

    def _reached(self, event: DeviceEvent, effects: list[Effect]) -> list[Effect]:
        """The effects that are due and would change something."""
        now = self.clock()
        due = [effect for effect in effects if effect.at <= now]
        found = [(effect, self.records.find(effect.claim.issuer, effect.claim.serial)) for effect in due]
        return [effect for effect, record in found if changes(effect, record, event.source)]

    def _is_braked(self, delivery: Delivery, names: Names, reached: list[Effect]) -> bool:
        """Whether the event has to wait for a human; it is parked then."""
        restricting = any(effect.act != "lift" for effect in reached)
        if delivery.released or not restricting:
            return False
        event = delivery.event
        own = self.profiles.terms(event.source).most_devices
        if self.brake.admits(event.source, names.first, delivery.received_at, own):
            return False
        message = json.dumps(delivery.message())
        self.parked.park(
            ParkedEvent(event.source, event.id, names.first, event.type.value, self.clock(), message)
        )
        return True

    def _advance(self, event: DeviceEvent, names: Names) -> bool:
        """Note the event as the newest hold or lift; whether it is. Others may be at it at the same time."""
        standing = _standing(event)
        for owner in names.owners:
            facts = names.facts[owner]
            for _ in range(_TRIES):
                known = facts.standings.get(event.source)
                if known is not None and known.rank > standing.rank:
                    return False
                if known == standing:
                    break
                try:
                    self.devices.advance(owner, event.source, standing, known)
                    break
                except Conflict:
                    facts = self.devices.facts(owner)
            else:
                raise Conflict(f"the standing of {owner} is being changed by others")
        return True

    def _yield_to_newer(self, event: DeviceEvent, names: Names, done: list[Effect]) -> None:
        """A newer hold or lift may have been noted while this one was carried out, and have found nothing to do: then
        its will is done here. Whoever comes after this look finds what was done here."""
        reversible = [effect for effect in done if is_reversible(effect)]
        if not reversible:
            return
        newest = max(
            (self.devices.facts(owner).standings[event.source] for owner in names.named),
            key=lambda one: one.rank,
        )
        for effect in reversible:
            if newest.rank > _standing(event).rank and newest.held is not (effect.act == "hold"):
                self.acts.carry_out(opposite(effect), event)

    def _entry(self, delivery: Delivery) -> EventEntry:
        event = delivery.event
        return EventEntry(
            source=event.source,
            id=event.id,
            digest=event.digest,
            type=event.type.value,
            owner=event.owners[0],
            occurred_at=event.occurred_at,
            handled_at=self.clock(),
            state=EventState.BEGUN,
        )

    def _conclude(self, entry: EventEntry, outcome: Outcome, run: int) -> None:
        if run == 0:
            self.log.conclude(outcome.conclude(entry))
        elif outcome.changed:
            self.log.conclude(outcome.after(self.log.begin(entry)).conclude(entry))
        log.info("event %s of %s (%s): %s", entry.id, entry.source, entry.type, outcome)

    def _come_back(self, delivery: Delivery, outcome: Outcome) -> None:
        """Queue the event again for what can only be done later: graces, and challenges that are still out."""
        if outcome.state is EventState.PARKED:
            return
        now = self.clock()
        moments = [*outcome.later]
        sweep = None
        if delivery.event.certificate is None:
            sweep = sweep_again_at(delivery.event, self.profiles.profiles)
        if sweep is not None:
            moments.append(sweep)
        coming = [moment for moment in moments if moment > now]
        if coming:
            delay = min(min(coming) - now, _LONGEST_DELAY)
            message = {**delivery.message(), "run": delivery.run + 1}
            self.again.send(message, delay=max(1, int(delay.total_seconds())))


def _standing(event: DeviceEvent) -> Standing:
    return Standing(event.occurred_at, event.type is not EventType.ENABLED)
