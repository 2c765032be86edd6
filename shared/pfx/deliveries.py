"""Deliveries: put once under an id, fetched with a scoped key until acknowledged or expired, every fetch on record.

Served is only what rests on a live certificate on record, where it rests on one of ours at all. One that nobody ever
fetched takes its certificate with it when it expires: nobody can have that key any more.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from shared.errors import Conflict, PolicyViolation, UnknownCertificate
from shared.pfx.delivery_keys import DeliveryKeys
from shared.store.deliveries import Act, Delivery, DeliveryAct, DeliveryLog, DeliveryStore
from shared.store.ports import CertificateRecord, CertificateStore, Status

log = logging.getLogger("scepter.deliveries")

_TRIES: Final = 3
_NOT_THERE: Final = "No such delivery: it is not there yet, or no more."
_OVER: Final = "The delivery is over: it was acknowledged or withdrawn, or it has expired."


class Revoker(Protocol):
    """Who revokes what nobody can use."""

    def revoke(self, issuer: str, serial: str, reason: str, *, by: str, note: str = "") -> CertificateRecord:
        """Revoke a certificate. Raises UnknownCertificate, Conflict, StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`life` is how long one waits to be fetched; `mark` gives something random for each line of the record."""

    store: DeliveryStore
    acts: DeliveryLog
    keys: DeliveryKeys
    records: CertificateStore
    revoker: Revoker
    life: timedelta
    clock: Callable[[], datetime]
    mark: Callable[[], str] = field(default=lambda: secrets.token_hex(4))

    def put(
        self, identifier: str, content: bytes, *, issuer: str = "", serial: str = "", attempt: int = 0
    ) -> Delivery:
        """Put a delivery under an id that has none. Raises Conflict if it has one: read it, it may be this one."""
        now = self.clock()
        delivery = Delivery(identifier, content, now, now + self.life, issuer, serial, attempt)
        self.store.put(delivery)
        return delivery

    def find(self, identifier: str) -> Delivery | None:
        """What is there, whatever its state."""
        return self.store.find(identifier)

    def acts_of(self, identifier: str, delivery: Delivery | None, longest: timedelta) -> list[DeliveryAct]:
        """What happened to a delivery since it was made, or for `longest` where it is not there any more."""
        now = self.clock()
        since = delivery.made_at if delivery is not None else now - longest
        return list(self.acts.of(identifier, _days(since.date(), now.date())))

    def fetch(self, identifier: str, key: str, *, source: str) -> bytes:
        """The content, for whoever has its key. Raises ChallengeRejected, UnknownCertificate (there is none, or it is
        over), PolicyViolation (its certificate is not live)."""
        delivery = self._opened(identifier, key)
        if delivery.over or delivery.expires_at <= self.clock():
            raise UnknownCertificate(f"delivery {identifier} is over", public=_OVER)
        self._check_certificate(delivery)
        self._note(delivery, Act.FETCHED, source)
        return delivery.content

    def acknowledge(self, identifier: str, key: str, *, source: str) -> None:
        """Its content is not needed any more. Idempotent. Raises ChallengeRejected, UnknownCertificate, Conflict."""
        for _ in range(_TRIES):
            delivery = self._opened(identifier, key)
            if delivery.over:
                return None
            self._note(delivery, Act.ACKNOWLEDGED, source)
            try:
                return self.store.close(delivery)
            except Conflict:
                log.info("delivery %s is being changed by others", identifier)
        raise Conflict(f"delivery {identifier} is being changed by others")

    def withdraw(self, delivery: Delivery) -> None:
        """Nobody is to have its content any more; its id stays taken. Raises Conflict."""
        self._note(delivery, Act.WITHDRAWN, "")
        self.store.close(delivery)

    def purge(self, most: int) -> int:
        """Remove up to `most` of those whose time is over, and revoke what nobody fetched; returns how many."""
        now, count = self.clock(), 0
        for delivery in self.store.all():
            if count >= most:
                break
            if delivery.expires_at <= now:
                self._expire(delivery)
                count += 1
        return count

    def _opened(self, identifier: str, key: str) -> Delivery:
        self.keys.check(identifier, key)
        delivery = self.store.find(identifier)
        if delivery is None:
            raise UnknownCertificate(f"no delivery {identifier}", public=_NOT_THERE)
        return delivery

    def _check_certificate(self, delivery: Delivery) -> None:
        if not delivery.serial:
            return
        record = self.records.find(delivery.issuer, delivery.serial)
        if record is None:
            raise UnknownCertificate(f"delivery {delivery.id} is not on record yet", public=_NOT_THERE)
        if record.status is not Status.GOOD or record.not_after <= self.clock():
            state = record.status.value if record.status is not Status.GOOD else "expired"
            raise PolicyViolation(
                f"certificate {record.serial} of delivery {delivery.id} is {state}",
                public=f"The certificate of this delivery is {state}.",
            )

    def _expire(self, delivery: Delivery) -> None:
        if not delivery.over:
            # First the certificate: a run that is cut off here begins again with the delivery still there.
            if delivery.serial and not self._was_fetched(delivery):
                self._revoke(delivery)
            self._note(delivery, Act.EXPIRED, "")
        try:
            self.store.remove(delivery)
        except Conflict:
            log.info("delivery %s was changed meanwhile", delivery.id)

    def _was_fetched(self, delivery: Delivery) -> bool:
        used = (Act.FETCHED, Act.ACKNOWLEDGED)
        return any(act.act in used for act in self.acts_of(delivery.id, delivery, self.life))

    def _revoke(self, delivery: Delivery) -> None:
        try:
            self.revoker.revoke(
                delivery.issuer,
                delivery.serial,
                "cessationOfOperation",
                by="deliveries",
                note=f"delivery {delivery.id} expired, and nobody had fetched it",
            )
        except UnknownCertificate:
            log.info("delivery %s expired before its certificate was on record", delivery.id)

    def _note(self, delivery: Delivery, act: Act, source: str) -> None:
        self.acts.note(DeliveryAct(delivery.id, act, self.clock(), self.mark(), source))
        log.info("delivery %s %s%s", delivery.id, act.value, f" by {source}" if source else "")


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
