"""PKCS orders, each served once in effect: accepted over HTTP or from the queue, made in attempts, then told of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.errors import IdReused, MalformedMessage, PolicyViolation, RequestError
from shared.pfx.attempts import KIND, Attempts, Job, revoked
from shared.pfx.checking import check_order
from shared.pfx.order import TOLERANCE, PKCSOrder
from shared.pfx.recipients import Recipients
from shared.pfx.results import Results
from shared.pfx.sealing import choose_forms
from shared.policy.callers import Caller
from shared.policy.pkcs import REQUEST_LIFE
from shared.policy.profiles import Profiles
from shared.store.orders import OrderEntry, OrderLog, OrderState
from shared.store.ports import CertificateRecord, Status

log = logging.getLogger("scepter.pkcs")


@dataclass(frozen=True, slots=True)
class PKCSIssuance:
    """Serves orders of callers that are known by now."""

    attempts: Attempts
    recipients: Recipients
    profiles: Profiles
    orders: OrderLog
    results: Results
    clock: Callable[[], datetime]
    others: Mapping[str, Attempts] = field(default_factory=dict)
    """By the names of profiles whose certificates an outside CA issues."""

    def accept(self, order: PKCSOrder, caller: Caller) -> OrderEntry:
        """Put an order on record that will be served from the queue; what would be refused there is refused here.

        Raises PolicyViolation, MalformedMessage, IdReused, StoreUnavailable.
        """
        check_order(order, caller, self.profiles)
        self.results.check(order.result, caller.name)
        return self._begin(order, caller, self._requested_at(order))

    def serve(self, order: PKCSOrder, caller: Caller) -> OrderEntry:
        """Make what is ordered, or find it made. Safe to be cut off anywhere, repeated, and run twice at once.

        Raises RequestError once its failure is on record and told, DependencyError and Conflict to be tried again.
        """
        requested_at = self._requested_at(order)
        try:
            entry = self._begin(order, caller, requested_at)
        except IdReused as error:
            self._tell_failed(order, self._entry(order, caller, requested_at), error)
            raise
        if entry.state is not OrderState.DELIVERED:
            try:
                record = self._record(order, caller, requested_at)
            except RequestError as error:
                if not self._is_made(order, caller, requested_at):
                    self.orders.conclude(self._tell_failed(order, entry, error))
                raise
            entry = replace(
                entry, state=OrderState.DELIVERED, serial=record.serial, handled_at=self.clock(), note=""
            )
            self.orders.conclude(entry)
        self.results.tell(order.result, entry)
        return entry

    def find(self, caller: Caller, identifier: str) -> OrderEntry | None:
        """How an order of the caller stands."""
        return self.orders.find(KIND, caller.name, identifier)

    def _record(self, order: PKCSOrder, caller: Caller, requested_at: datetime) -> CertificateRecord:
        job = _job(order, caller, requested_at)
        attempts = self._attempts(job)
        standing = attempts.standing(job)
        if standing.record is not None:
            if standing.record.status is Status.REVOKED:
                raise revoked(standing.record)
            return standing.record
        if self.clock() - requested_at > REQUEST_LIFE:
            raise PolicyViolation(
                "the order is older than 24 hours", public="The order is older than 24 hours."
            )
        resumed = attempts.resume(job, standing)
        if resumed is not None:
            return resumed
        wanted = check_order(order, caller, self.profiles)
        self.results.check(order.result, caller.name)
        recipient = self.recipients.find(
            order.recipient, wanted.rules, device=order.device_owner, user=order.user_owner, now=self.clock()
        )
        forms = choose_forms(recipient, wanted.rules.sealing, order.sealing)
        return attempts.make(job, standing, wanted, recipient, forms)

    def _is_made(self, order: PKCSOrder, caller: Caller, requested_at: datetime) -> bool:
        """Whether the same order succeeded elsewhere meanwhile: then its failure here is nobody's concern."""
        job = _job(order, caller, requested_at)
        record = self._attempts(job).standing(job).record
        return record is not None and record.status is not Status.REVOKED

    def _attempts(self, job: Job) -> Attempts:
        return self.others.get(job.profile, self.attempts)

    def _begin(self, order: PKCSOrder, caller: Caller, requested_at: datetime) -> OrderEntry:
        entry = self._entry(order, caller, requested_at)
        before = self.orders.begin(entry)
        if before is not None and before.digest != entry.digest:
            raise IdReused(f"order {order.id} of {caller.name} was another one before")
        return before or entry

    def _entry(self, order: PKCSOrder, caller: Caller, requested_at: datetime) -> OrderEntry:
        job = _job(order, caller, requested_at)
        return OrderEntry(
            kind=KIND,
            caller=caller.name,
            id=order.id,
            digest=order.digest,
            profile=order.profile,
            state=OrderState.ACCEPTED,
            requested_at=requested_at,
            handled_at=self.clock(),
            device=job.device,
            user=job.user,
            delivery=job.delivery,
        )

    def _tell_failed(self, order: PKCSOrder, entry: OrderEntry, error: RequestError) -> OrderEntry:
        failed = replace(entry, state=OrderState.FAILED, handled_at=self.clock(), note=error.reason[:500])
        log.warning("order %s of %s failed: %s", entry.id, entry.caller, error.reason)
        try:
            self.results.tell(order.result, failed)
        except PolicyViolation as refused:
            log.warning("order %s of %s: nobody is told: %s", entry.id, entry.caller, refused.reason)
        return failed

    def _requested_at(self, order: PKCSOrder) -> datetime:
        """When it was ordered, by the caller's word. Raises MalformedMessage for a time to come."""
        now = self.clock()
        if order.requested_at is None:
            return now
        requested_at = order.requested_at.astimezone(UTC).replace(microsecond=0)
        if requested_at > now + TOLERANCE:
            raise MalformedMessage("requestedAt lies in the future", public="requestedAt lies in the future.")
        return min(requested_at, now)


def _job(order: PKCSOrder, caller: Caller, requested_at: datetime) -> Job:
    return Job(caller.name, order.id, order.profile, order.device_owner, order.user_owner, requested_at)
