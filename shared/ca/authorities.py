"""The CAs of the house by name: read from where each is kept, and again now and then, so that a worker that runs on
learns of successors, take-overs and renewals. Keys are fetched when something has to be signed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.ca.holdings import Holdings
from shared.ca.issuer import Issuer
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.errors import DependencyError
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate

log = logging.getLogger("scepter.ca")

_PAUSE: Final = 5.0
"""Seconds from one failed look to the next."""


class CAHome(Protocol):
    """Where one CA is kept: a folder, a vault."""

    stale_after: timedelta
    """How long what was read may be used before it is read again."""

    def holdings(self) -> Holdings:
        """Its certificates. Raises KeyUnavailable."""

    def signing_key(self, certificate: Certificate) -> SigningKey:
        """The key that a certificate of ours is for. Raises KeyUnavailable."""


Make = Callable[[Generation, SigningKey], Issuer]


class Authorities:
    """Issuers (issuers.py) by name. Thread-safe.

    `ca_of` gives the name of the CA that issues for a profile; `make` composes an issuer, and `prepare` makes it ready
    to issue; `ticks` is a clock that only goes forward, in seconds.
    """

    def __init__(
        self,
        homes: Mapping[str, CAHome],
        make: Make,
        *,
        ca_of: Callable[[str], str] = lambda _: DEFAULT,
        prepare: Callable[[Issuer], Issuer] = lambda issuer: issuer,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._homes, self._make, self._ca_of = homes, make, ca_of
        self._prepare, self._ticks = prepare, ticks
        self._lock = threading.Lock()
        self._held: dict[str, Holdings] = {}
        self._next_look: dict[str, float] = {}
        self._roster: Roster | None = None
        self._issuers: dict[bytes, Issuer] = {}
        self._ready: dict[bytes, Issuer] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The CAs that there are to be, installed or not."""
        return tuple(self._homes)

    @property
    def roster(self) -> Roster:
        """Every CA as it is known now."""
        now, known = self._ticks(), self._roster
        if known is not None and all(now < self._next_look[name] for name in self._homes):
            return known
        # Whoever knows enough does not wait for the one who looks for news.
        if self._lock.acquire(blocking=known is None):
            try:
                self._look(now)
            finally:
                self._lock.release()
        return self._roster or Roster(())

    def refresh(self) -> Roster:
        """Every CA as it is kept now, read at once."""
        with self._lock:
            self._next_look.clear()
            self._look(self._ticks())
            return self._roster or Roster(())

    def issuing(self, profile: str, now: datetime) -> Issuer:
        """Who issues certificates of a profile. Raises KeyUnavailable, IssuanceFault."""
        issuer = self._issuer(self.in_charge(profile, now))
        certificate = issuer.certificate.der
        if certificate not in self._ready:
            self._ready[certificate] = self._prepare(issuer)
        return self._ready[certificate]

    def issuer_of(self, ca: str, now: datetime) -> Issuer:
        """Who issues for the CA of that name. Raises KeyUnavailable, IssuanceFault."""
        return self._issuer(self.roster.issuing(ca, now))

    def in_charge(self, profile: str, now: datetime) -> Generation:
        """The same CA, without its key. Raises KeyUnavailable if there is none."""
        return self.roster.issuing(self._ca_of(profile), now)

    def successor(self, profile: str, now: datetime) -> Generation | None:
        """Who will issue certificates of a profile next; None as long as nobody is prepared."""
        return self.roster.successor(self._ca_of(profile), now)

    def find(self, issuer: str) -> Issuer | None:
        """The issuer of that id; None if it is not ours. Raises KeyUnavailable, IssuanceFault."""
        found = self.roster.find(issuer) or self.refresh().find(issuer)
        return None if found is None else self._issuer(found)

    def is_revoked(self, issuer: str) -> bool:
        """Whether its root says so."""
        return issuer in self.roster.revoked

    def known(self) -> tuple[Generation, ...]:
        """Every generation of every CA."""
        return self.roster.generations

    def _issuer(self, generation: Generation) -> Issuer:
        """Made once for each certificate: a renewed one has another validity."""
        certificate = generation.certificate
        issuer = self._issuers.get(certificate.der)
        if issuer is None or issuer.chain != generation.chain:
            key = self._homes[generation.ca].signing_key(certificate)
            issuer = self._issuers[certificate.der] = self._make(generation, key)
            self._ready.pop(certificate.der, None)
        return issuer

    def _look(self, now: float) -> None:
        due = [name for name in self._homes if now >= self._next_look.get(name, now)]
        before, faults = dict(self._held), dict(self._roster.faults) if self._roster else {}
        for name in due:
            home = self._homes[name]
            self._next_look[name] = now + home.stale_after.total_seconds()
            try:
                self._held[name] = home.holdings()
                faults.pop(name, None)
            except DependencyError as error:
                self._next_look[name] = max(self._next_look[name], now + _PAUSE)
                faults[name] = error.reason
                log.error("CA %s cannot be read: %s", name, error.reason)  # noqa: TRY400 - no trace
        if self._roster is None or self._held != before or faults != self._roster.faults:
            self._roster = Roster.of(self._held, faults)
