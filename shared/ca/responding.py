"""The identities that answer OCSP for one CA (RFC 6960 2.6), and their overlap.

The CA's key signs a responder's certificate, never an answer. The newest identity answers; an older one stays until its
end, which is soon. None answers before it is on record, after its end, or once it is revoked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from shared.ca.issuer import issuer_id
from shared.ca.responder_identity import LIFE, ResponderIdentities, ResponderIdentity
from shared.errors import Conflict, DependencyError, KeyUnavailable, UnknownCertificate
from shared.store.ports import CertificateRecord, CertificateStore, Status
from shared.x509.certificate import Certificate

log = logging.getLogger("scepter.ocsp")

PROFILE: Final = "(OCSP responder)"
"""Instead of a profile in the record; none of the policy can have this name."""
RENEWED_AFTER: Final = timedelta(hours=23)
"""Daily, by a timer that comes every hour."""
_RELOAD_EVERY: Final = timedelta(hours=1)
_PAUSE: Final = timedelta(seconds=10)  # between attempts to get an identity


class DelegatedResponder:
    """Who answers for the CA `authority`. `make` is None where the CA's key is not at hand (a root's)."""

    def __init__(
        self,
        authority: Certificate,
        kept: ResponderIdentities,
        records: CertificateStore,
        make: Callable[[datetime], ResponderIdentity] | None,
    ) -> None:
        self.authority = authority
        self._kept, self._records, self._make = kept, records, make
        self._lock = threading.Lock()
        self._current: ResponderIdentity | None = None
        self._delegated = False
        self._next_look: datetime | None = None

    def current(self, now: datetime) -> ResponderIdentity:
        """The identity that signs at `now`; read again every hour, made if there is none.

        Raises UnknownCertificate if nobody was ever delegated, KeyUnavailable if there is none now, StoreUnavailable.
        """
        identity = self._current
        usable = identity is not None and identity.alive(now)
        if not usable or self._is_due(now):
            # Whoever can sign does not wait for the one who looks for a newer identity.
            if self._lock.acquire(blocking=not usable):
                try:
                    self._refresh(now)
                finally:
                    self._lock.release()
            identity = self._current
        if identity is not None and identity.alive(now):
            return identity
        name = self.authority.subject.text()
        if self._make is None and not self._delegated:
            raise UnknownCertificate(f"nobody was delegated to answer for {name}")
        raise KeyUnavailable(f"no valid OCSP responder for {name}")

    def renew(self, now: datetime) -> bool:
        """Make the next identity if the newest is a day old; whether that was done. Two at once are harmless.

        Raises KeyUnavailable, StoreUnavailable, IssuanceFault.
        """
        with self._lock:
            newest = self._newest(now)
            due = newest is None or self._has_aged(newest, now)
            self._use(self._made(now) if due else newest, now)
        return due

    def _is_due(self, now: datetime) -> bool:
        return self._next_look is None or now >= self._next_look

    def _has_aged(self, identity: ResponderIdentity, now: datetime) -> bool:
        ends = identity.certificate.not_after
        return now >= ends - LIFE + RENEWED_AFTER and ends < self.authority.not_after

    def _refresh(self, now: datetime) -> None:
        """Look for the newest identity if it is time. One that is still good outlives that this fails."""
        if not self._is_due(now):
            return
        self._next_look = now + _PAUSE  # whoever comes meanwhile fails at once
        try:
            found = self._newest(now) or (self._made(now) if self._make else None)
        except DependencyError as error:
            if self._current is None or not self._current.alive(now):
                raise
            log.warning("no newer OCSP responder could be loaded: %s", error.reason)
        else:
            self._use(found, now)

    def _use(self, identity: ResponderIdentity | None, now: datetime) -> None:
        self._current = identity
        self._next_look = now + (_PAUSE if identity is None else _RELOAD_EVERY)

    def _newest(self, now: datetime) -> ResponderIdentity | None:
        kept = self._kept.load()
        self._delegated = bool(kept)
        alive = [identity for identity in kept if identity.alive(now)]
        alive.sort(key=lambda identity: (identity.certificate.not_after, identity.certificate.serial))
        return next((identity for identity in reversed(alive) if self._stands(identity, now)), None)

    def _made(self, now: datetime) -> ResponderIdentity:
        if self._make is None:
            raise KeyUnavailable(f"the key of {self.authority.subject.text()} is not at hand")
        identity = self._make(now)
        self._records.commit(self._record(identity, now))
        self._kept.add(identity, now)
        log.info(
            "OCSP responder %s until %s", identity.certificate.serial_hex, identity.certificate.not_after
        )
        return identity

    def _stands(self, identity: ResponderIdentity, now: datetime) -> bool:
        """Whether it is good by its record, which one from a ceremony gets here."""
        record = self._record(identity, now)
        found = self._records.find(record.issuer, record.serial)
        if found is None:
            try:
                self._records.commit(record)
            except Conflict:
                return self._stands(identity, now)  # another worker has just done so
            return True
        if found.status is not Status.GOOD:
            log.error("OCSP responder %s is %s and does not answer", record.serial, found.status.value)
        return found.status is Status.GOOD

    def _record(self, identity: ResponderIdentity, now: datetime) -> CertificateRecord:
        certificate, issuer = identity.certificate, issuer_id(self.authority.spki)
        return CertificateRecord(
            issuer=issuer,
            serial=certificate.serial_hex,
            certificate=certificate.der,
            owner=f"ocsp:{issuer}",
            identity=certificate.serial_hex,
            profile=PROFILE,
            vouched_by="the authority itself",
            subject=certificate.subject.text(),
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            issued_at=now,
            key_hash=certificate.key_hash,
        )
