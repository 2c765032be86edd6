"""Publishing the full CRL (RFC 5280 5): read, merge, sign, verify, put by compare-and-swap.

The published blob is the entry store and its metadata holds the cursor: one atomic put, and only what changed since
is read from the table. Two publishers at once: one wins, the other starts over from the read; none goes backwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.asn1.pem import pem
from shared.ca.issuer import Issuer
from shared.errors import Conflict, IssuanceFault, RequestError
from shared.store.ports import PublicationStore, PublishedObject, RevocationChange, RevocationStore
from shared.x509.crl import RevokedEntry, build_crl, parse_crl, verify_crl
from shared.x509.serial import expiry_day, is_ours

log = logging.getLogger("scepter.crl")

_OVERLAP = timedelta(minutes=15)
_BACKDATE = timedelta(minutes=10)
_TRIES = 5
_MAX_AGE = 300  # seconds: a cache must not hide a revocation for long


@dataclass(frozen=True, slots=True)
class PublishedCRL:
    """What stands published: `number`, `cursor` (changes up to here are in it) and the entries by serial."""

    number: int
    cursor: datetime
    this_update: datetime
    next_update: datetime
    entries: dict[str, RevokedEntry]
    source: PublishedObject


@dataclass(frozen=True, slots=True)
class CRLPublisher:
    """`life` is the time from thisUpdate to nextUpdate; the next CRL is due at half of it."""

    issuer: Issuer
    changes: RevocationStore
    publications: PublicationStore
    life: timedelta
    clock: Callable[[], datetime]

    @property
    def name(self) -> str:
        return f"crl/{self.issuer.id}.crl"

    def current(self) -> PublishedCRL | None:
        """The published CRL, read and verified. Raises IssuanceFault when the blob is not ours."""
        source = self.publications.read(self.name)
        if source is None:
            return None
        try:
            return self._read(source)
        except (RequestError, KeyError, ValueError) as error:
            raise IssuanceFault(f"{self.name} is not a CRL that we published: {error!r}") from error

    def _read(self, source: PublishedObject) -> PublishedCRL:
        crl = parse_crl(source.data)
        verify_crl(source.data, self.issuer.certificate.public_key)
        return PublishedCRL(
            number=crl.number,
            cursor=datetime.fromisoformat(source.metadata["cursor"]),
            this_update=crl.this_update,
            next_update=crl.next_update,
            entries={entry.serial_hex: entry for entry in crl.entries()},
            source=source,
        )

    def is_due(self) -> bool:
        """Whether there is no CRL yet or half its life has passed."""
        current = self.current()
        return current is None or self.clock() >= current.this_update + self.life / 2

    def publish_change(self, changed_at: datetime) -> bool:
        """Publish for a change written before `changed_at`, unless a CRL that read it stands already."""
        current = self.current()
        if current is not None and current.cursor > changed_at:
            self._put_pem(
                current.source.data, current.number
            )  # whoever published may have been cut off before it
            return False
        self.publish()
        return True

    def publish(self) -> int:
        """Build and publish the next CRL; returns its number. Raises Conflict when others keep winning."""
        for _ in range(_TRIES):
            current = self.current()
            try:
                return self._publish_after(current)
            except Conflict:
                log.info("another publisher was first; starting over")
        raise Conflict("other publishers keep winning")

    def _publish_after(self, current: PublishedCRL | None) -> int:
        now = self.clock()
        entries = self._merge(current, now)
        number = max(current.number + 1 if current else 1, int(now.timestamp()))
        der = build_crl(
            issuer_certificate=self.issuer.certificate,
            signing_key=self.issuer.key,
            entries=entries.values(),
            number=number,
            this_update=now - _BACKDATE,
            next_update=now + self.life,
            next_publish=now + self.life / 2,
        )
        self._verify(der, number, len(entries))
        self._put(der, now, current)
        self._put_pem(der, number)
        log.info("CRL %d of %s: %d entries, %d bytes", number, self.issuer.id, len(entries), len(der))
        return number

    def _merge(self, current: PublishedCRL | None, now: datetime) -> dict[str, RevokedEntry]:
        entries = dict(current.entries) if current else {}
        since = current.cursor - _OVERLAP if current else datetime(2000, 1, 1, tzinfo=UTC)
        for change in newest(self.changes.changes(self.issuer.id, since)):
            if change.revocation is None:
                entries.pop(change.serial, None)
            else:
                revocation = change.revocation
                entries[change.serial] = RevokedEntry(change.serial, revocation.at, revocation.reason)
        if current:
            _drop_expired(entries, current.this_update)
        return entries

    def _verify(self, der: bytes, number: int, count: int) -> None:
        try:
            verify_crl(der, self.issuer.certificate.public_key)
            crl = parse_crl(der)
        except RequestError as error:
            raise IssuanceFault(f"the CRL that was just signed does not verify: {error.reason}") from error
        if crl.number != number or len(crl) != count:
            raise IssuanceFault("the CRL does not read back as it was composed")

    def _put(self, der: bytes, now: datetime, current: PublishedCRL | None) -> None:
        self.publications.put(
            self.name,
            der,
            content_type="application/pkix-crl",
            max_age=_MAX_AGE,
            metadata={"cursor": now.isoformat()},
            replaces=current.source if current else None,
        )

    def _put_pem(self, der: bytes, number: int) -> None:
        """FreeRADIUS and others want PEM. The DER blob is the truth, this one its copy, never of an older one."""
        name = f"{self.name}.pem"
        for _ in range(_TRIES):
            stands = self.publications.read(name)
            if stands is not None and int(stands.metadata.get("number", "0")) >= number:
                return
            try:
                self.publications.put(
                    name,
                    pem("X509 CRL", der),
                    content_type="application/x-pem-file",
                    max_age=_MAX_AGE,
                    metadata={"number": str(number)},
                    replaces=stands,
                )
            except Conflict:
                continue
            return
        raise Conflict("other publishers keep winning")


def newest(changes: Iterable[RevocationChange]) -> Iterable[RevocationChange]:
    """The newest change of each serial."""
    latest: dict[str, RevocationChange] = {}
    for change in changes:
        known = latest.get(change.serial)
        if known is None or change.changed_at >= known.changed_at:
            latest[change.serial] = change
    return latest.values()


def _drop_expired(entries: dict[str, RevokedEntry], previous: datetime) -> None:
    # RFC 5280 3.3: an entry stays until it has appeared on one CRL issued after the certificate's end.
    ended = [serial for serial in entries if is_ours(serial) and expiry_day(serial) < previous.date()]
    for serial in ended:
        del entries[serial]
