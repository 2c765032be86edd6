"""Publishing CRLs (RFC 5280 5): full, shards and deltas, each by compare-and-swap, in editions of the whole set.

The published blob is the entry store and its metadata holds the cursor: one atomic put, and only what changed since
is read from the table. Two publishers at once: one wins, the other starts over from the read; none goes backwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from shared.ca.issuer import Issuer
from shared.errors import Conflict
from shared.revocation.crl_blobs import CRLBlobs
from shared.revocation.crl_standing import FullCRL, Reader
from shared.revocation.edition import Edition, Order, Revocations
from shared.revocation.labels import Ledger
from shared.revocation.scopes import CRLPlan, Scope
from shared.store.ports import PublicationStore, RevocationStore

log = logging.getLogger("scepter.crl")

_TRIES = 5
_SKEW = timedelta(seconds=2)
"""How far apart the clocks of two workers may be without a change being taken for covered; less than its message's
delay in the queue, or nothing would ever be covered."""
_AHEAD = timedelta(minutes=1)
"""A cursor that lies further in the future is of a clock that was wrong, and promises nothing."""
_KEPT = timedelta(days=7)
"""How long change rows are kept behind the cursor, for whoever wants to know what happened."""


@dataclass(frozen=True, slots=True)
class CRLPublisher:
    """One at a time in a worker: of many requests at once the first publishes, and the others find it done."""

    issuer: Issuer
    changes: RevocationStore
    publications: PublicationStore
    plan: CRLPlan
    clock: Callable[[], datetime]
    _turn: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The blob of the full CRL."""
        return Scope.whole(self.issuer).name

    def full(self) -> FullCRL | None:
        """The full CRL that stands, read and verified. Raises IssuanceFault when the blob is not ours."""
        return Reader(self.publications, self.issuer.certificate.public_key).full(self.name)

    def is_due(self) -> bool:
        """Whether it is time for all scopes, by one call: nothing is published yet, half a life has passed, or the plan
        is another."""
        status = self.publications.stat(self.name)
        if status is None:
            return True
        ledger = Ledger.read(self.name, status.metadata)
        if not self._has(ledger) or (status.metadata.get("deltas") == "yes") != bool(self.plan.delta_life):
            return True
        return self.clock() >= ledger.oldest + self.plan.interval

    def publish(self, mends: Revocations | None = None, retired: frozenset[int] = frozenset()) -> int:
        """Build and publish the next CRLs of all scopes; the number of the full one. Raises Conflict when others keep
        winning."""
        order = Order(everything=True, mends=mends or {}, retired=retired)
        with self._turn:
            return self._publish(order, lambda: False)

    def publish_change(self, changed_at: datetime) -> bool:
        """Publish for a change written before `changed_at`, unless CRLs that read it stand already."""
        if self._covers(changed_at):
            return False
        with self._turn:
            return self._publish(Order(everything=False), lambda: self._covers(changed_at)) > 0

    def covers_shards(self) -> bool:
        """Whether the shards that the plan wants are published, so that certificates may name them. One call."""
        status = self.publications.stat(self.name)
        return status is not None and self._has(Ledger.read(self.name, status.metadata))

    def changes_needed_since(self) -> datetime | None:
        """Change rows from before this time no CRL will ask for again; None before the first CRL."""
        status = self.publications.stat(self.name)
        if status is None:
            return None
        return min(Ledger.read(self.name, status.metadata).cursor, self.clock()) - _KEPT

    def _publish(self, order: Order, is_done: Callable[[], bool]) -> int:
        """The number of the full CRL; 0 if another has done it."""
        printed: set[Scope] = set()
        for _ in range(_TRIES):
            if not printed and is_done():  # else a shard may be cut out of a list that lost
                return 0
            try:
                return self._edition(order, printed).run()
            except Conflict:
                log.info("another publisher was first; starting over")
        raise Conflict("other publishers keep winning")

    def _edition(self, order: Order, printed: set[Scope]) -> Edition:
        return Edition(
            self.issuer,
            self.changes,
            self.publications,
            plan=self.plan,
            order=order,
            now=self.clock(),
            printed=printed,
        )

    def _covers(self, changed_at: datetime) -> bool:
        status = self.publications.stat(self.name)
        if status is None:
            return False
        ledger = Ledger.read(self.name, status.metadata)
        if not changed_at + _SKEW < ledger.cursor <= self.clock() + _AHEAD or not self._has(ledger):
            return False
        CRLBlobs(self.publications).mend_pem(self.name, int(status.metadata.get("number", "0")))
        return True

    def _has(self, ledger: Ledger) -> bool:
        return not self.plan.shards or self.plan.shards in ledger.counts
