"""One edition of an issuer's CRLs: read what stands, read the changes, put what is to stand, the full CRL last.

The full CRL is the store of all entries, and its metadata the point of commitment: its cursor says up to when every CRL
of the set is right. Whoever dies before leaves shards that are ahead of it, and the next edition makes up for that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from shared.ca.issuer import Issuer
from shared.revocation.crl_blobs import CRLBlobs
from shared.revocation.crl_standing import Reader, Standing
from shared.revocation.labels import Ledger, Use
from shared.revocation.press import Press, Sheet
from shared.revocation.scopes import CRLPlan, Scope
from shared.revocation.sharding import News, Sharding
from shared.store.ports import PublicationStore, Revocation, RevocationChange, RevocationStore
from shared.x509.crl import RevokedEntry
from shared.x509.crl_entry import serial_key
from shared.x509.crl_list import EntryList, Merged, merge

log = logging.getLogger("scepter.crl")

OVERLAP = timedelta(minutes=15)
"""How far behind the cursor a change row may be written and still be read."""

Revocations = Mapping[str, Revocation | None]
"""What a certificate's revocation is now (None: none), by serial number."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an edition is for. `everything`: all scopes, because it is time; else those that changed. `mends` are
    changes beside the change rows, which win over them; `retired` are shard counts that nobody needs any more."""

    everything: bool
    mends: Revocations = field(default_factory=dict)
    retired: frozenset[int] = frozenset()


class Edition:
    """One attempt, which begins with reading the full CRL. `printed` are the shards that it put, and those that earlier
    attempts did."""

    def __init__(
        self,
        issuer: Issuer,
        changes: RevocationStore,
        publications: PublicationStore,
        *,
        plan: CRLPlan,
        order: Order,
        now: datetime,
        printed: set[Scope],
    ) -> None:
        self._issuer, self._changes, self._plan, self._order = issuer, changes, plan, order
        self._reader = Reader(publications, issuer.certificate.public_key)
        self._blobs, self._now, self._printed = CRLBlobs(publications), now, printed
        self._full = self._reader.full(Scope.whole(issuer).name)
        self._ledger, self._ended_before = self._next_ledger(), self._first_end()

    def run(self) -> int:
        """Publish; the number of the full CRL. Raises Conflict when somebody else put something meanwhile,
        IssuanceFault, KeyUnavailable, StoreUnavailable."""
        whole = self._whole()
        sharding = self._sharding()
        parts = sharding.read(self._reader, deltas=self._plan.delta_life is not None)
        news = self._news()  # after all that is to be replaced was read
        merged = self._merge(news, [whole, *parts])
        press = Press(self._issuer, self._blobs, self._plan, self._now, self._ended_before)
        oldest = sharding.print(press, parts, merged, news)
        ledger = replace(self._ledger, oldest=oldest)
        sheet = Sheet(merged.entries, merged.count, merged.changed, merged.found)
        label = press.print(whole, sheet, ledger.metadata())
        log.info("CRL %d of %s: %d entries", label.number, self._issuer.id, label.entries)
        return label.number

    def _next_ledger(self) -> Ledger:
        """What will be remembered. The cursor is from before any change row was read."""
        before = self._full.ledger if self._full else self._lost_ledger()
        kept = replace(before, cursor=self._now).without(self._order.retired)
        return kept.used(self._plan.shards, self._now)

    def _lost_ledger(self) -> Ledger:
        """No full CRL stands: it is the first, or the last one is lost, and shards that stand tell of counts in use."""
        since = self._issuer.certificate.not_before
        found = self._reader.shard_counts(self._issuer)
        return Ledger(self._now, self._now, {count: Use(since, self._now) for count in found})

    def _first_end(self) -> date:
        # Where no CRL stands, nobody holds one who could miss a certificate that ended a CRL's life ago.
        return self._full.ended_before if self._full else (self._now - self._plan.life).date()

    def _whole(self) -> Standing:
        scope, full = Scope.whole(self._issuer), self._full
        delta = self._reader.delta(scope) if self._plan.delta_life else None
        if full is None:
            return Standing(scope, delta=delta)
        return Standing(scope, full.number, full.next_update, source=full.source, delta=delta)

    def _sharding(self) -> Sharding:
        committed = self._full.ledger.counts if self._full else {}
        everything = self._order.everything or self._full is None
        return Sharding(
            issuer=self._issuer,
            rounds=frozenset(count for count in self._ledger.counts if everything or count not in committed),
            counts=tuple(self._ledger.counts),
            peek=self._news,
            printed=self._printed,
            oldest=self._full.ledger.oldest if self._full and not everything else None,
        )

    def _news(self) -> News:
        """What the change rows and the mends say, by key."""
        found = {serial: (revocation, self._now) for serial, revocation in self._order.mends.items()}
        found |= {change.serial: (change.revocation, change.changed_at) for change in newest(self._rows())}
        return {serial_key(serial): (_entry(serial, state), at) for serial, (state, at) in found.items()}

    def _rows(self) -> Iterable[RevocationChange]:
        since = min(self._full.ledger.cursor, self._now) if self._full else self._now
        return self._changes.changes(self._issuer.id, since - OVERLAP)

    def _merge(self, news: News, standing: Iterable[Standing]) -> Merged:
        updates = {key: entry for key, (entry, _) in news.items()}
        watched = {key for each in standing if each.delta for key in each.delta.changes.entries}
        return merge(self._listed(), updates, watched=watched, ended_before=self._ended_before)

    def _listed(self) -> EntryList:
        """All entries as they stand published; before the first CRL, and if it is lost, as the records say."""
        if self._full is not None:
            return self._full.listed
        found = self._changes.revoked(self._issuer.id)
        return EntryList.of(entry for entry in (_entry(*each) for each in found) if entry)


def newest(changes: Iterable[RevocationChange]) -> Iterable[RevocationChange]:
    """The newest change of each serial."""
    latest: dict[str, RevocationChange] = {}
    for change in changes:
        known = latest.get(change.serial)
        if known is None or change.changed_at >= known.changed_at:
            latest[change.serial] = change
    return latest.values()


def _entry(serial: str, revocation: Revocation | None) -> bytes | None:
    return None if revocation is None else entry_of(serial, revocation)


def entry_of(serial: str, revocation: Revocation) -> bytes:
    """The entry (DER) of a certificate that is held or revoked."""
    return RevokedEntry(serial, revocation.at, revocation.reason).to_der()
