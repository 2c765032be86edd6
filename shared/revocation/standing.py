"""Where the OCSP responder reads: the record of what we issue, the root's own CRL for the CAs below a root."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.errors import IssuanceFault, KeyUnavailable, RequestError
from shared.revocation.responder import Standing
from shared.store.ports import CertificateRecord, Revocation
from shared.x509.certificate import Certificate
from shared.x509.crl import CertificateRevocationList, parse_crl, verify_crl

_MOST_REMEMBERED: Final = 10_000
_ROOT_IS_READ_EVERY: Final = timedelta(minutes=1)


class Records(Protocol):
    """One point read."""

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        """None if there is no such certificate. Raises StoreUnavailable."""


class RecordedStanding:
    """By the record: one read for each certificate asked.

    What is good is remembered for `good_seconds` (at most one), since a revocation has to be seen at once; what is not
    known never, since it may be issued in this moment. `ticks` is a clock that only goes forward, in seconds.
    """

    def __init__(
        self, issuer: str, records: Records, *, good_seconds: float, ticks: Callable[[], float]
    ) -> None:
        if not 0 <= good_seconds <= 1:
            raise ValueError("good is remembered for a second at most")
        self._issuer, self._records = issuer, records
        self._good_seconds, self._ticks = good_seconds, ticks
        self._good: dict[str, tuple[float, Standing]] = {}

    def standing(self, serial: str, now: datetime) -> Standing:
        """See StatusSource."""
        asked_at = self._ticks()  # before the read: what is read is as old as its beginning
        remembered = self._good.get(serial)
        if remembered is not None and asked_at - remembered[0] < self._good_seconds:
            return remembered[1]
        record = self._records.find(self._issuer, serial)
        if record is None:
            return Standing(issued=False, revocation=None, known_at=now)
        standing = Standing(issued=True, revocation=record.revocation, known_at=now)
        if record.revocation is None:
            self._remember(serial, asked_at, standing)
        return standing

    def _remember(self, serial: str, asked_at: float, standing: Standing) -> None:
        if len(self._good) >= _MOST_REMEMBERED:
            self._good.clear()
        if self._good_seconds:
            self._good[serial] = asked_at, standing


@dataclass(frozen=True, slots=True)
class _Root:
    crl: CertificateRevocationList
    issued: frozenset[str]
    read_at: datetime


class RootStanding:
    """By the root's CRL, as long as that is valid, and by what the root is known to have issued.

    `crl` gives the CRL (DER) that stands, `issued` every certificate the root has signed; both are read again every
    minute.
    """

    def __init__(
        self,
        root: Certificate,
        crl: Callable[[], bytes | None],
        issued: Callable[[], Iterable[Certificate]],
    ) -> None:
        self._root, self._crl, self._issued = root, crl, issued
        self._lock = threading.Lock()
        self._known: _Root | None = None

    def standing(self, serial: str, now: datetime) -> Standing:
        """See StatusSource. Raises KeyUnavailable while no CRL of the root is valid."""
        known = self._current(now)
        until = known.crl.next_update
        if until <= now:
            raise KeyUnavailable(f"the CRL of {self._root.subject.text()} has ended on {until:%Y-%m-%d}")
        entry = known.crl.find(serial)
        if entry is None:
            return Standing(serial in known.issued, None, known_at=now, until=until)
        revocation = Revocation(entry.reason or "unspecified", entry.at, by="the root")
        return Standing(issued=True, revocation=revocation, known_at=now, until=until)

    def _current(self, now: datetime) -> _Root:
        with self._lock:
            known = self._known
            if known is None or now - known.read_at >= _ROOT_IS_READ_EVERY:
                known = self._known = self._read(now)
            return known

    def _read(self, now: datetime) -> _Root:
        der = self._crl()
        if der is None:
            raise KeyUnavailable(f"there is no CRL of {self._root.subject.text()}")
        try:
            verify_crl(der, self._root.public_key)
            crl = parse_crl(der)
        except RequestError as error:
            raise IssuanceFault(f"the root's CRL is not the root's: {error.reason}") from error
        return _Root(crl, frozenset(each.serial_hex for each in self._issued()), now)
