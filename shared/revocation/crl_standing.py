"""What stands published when an edition begins: the full CRL, the store of all entries, and shards by their labels.

All of it is read before the change rows are: whoever replaces what was read here has seen every change that the one
before had seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from shared.ca.issuer import Issuer
from shared.errors import IssuanceFault, RequestError
from shared.revocation.deltas import StandingDelta, read_delta
from shared.revocation.labels import Label, Ledger
from shared.revocation.scopes import COUNTS, Scope
from shared.store.ports import PublicationStatus, PublicationStore, PublishedObject
from shared.x509.crl import verify_crl
from shared.x509.crl_list import EntryList
from shared.x509.crl_outline import read_outline
from shared.x509.public_key import PublicKey


@dataclass(frozen=True, slots=True)
class Standing:
    """A complete CRL and its delta; `number` is 0 and `source` None where none is published yet."""

    scope: Scope
    number: int = 0
    next_update: datetime | None = None
    label: Label | None = None
    source: PublishedObject | PublicationStatus | None = field(default=None, repr=False)
    delta: StandingDelta | None = None

    @property
    def last_number(self) -> int:
        """Complete CRLs and deltas of a scope share one sequence of numbers (RFC 5280 5.2.3)."""
        return max(self.number, self.delta.number if self.delta else 0)


@dataclass(frozen=True, slots=True)
class FullCRL:
    """The full CRL, verified."""

    number: int
    this_update: datetime
    next_update: datetime
    ledger: Ledger
    listed: EntryList = field(repr=False)
    source: PublishedObject = field(repr=False)

    @property
    def ended_before(self) -> date:
        """Entries of certificates that ended before this day leave with the next edition. RFC 5280 3.3: an entry stays
        until it has been on one CRL, here of each scope, issued after its certificate's end."""
        return min(self.this_update, self.ledger.oldest).date()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what `public_key` has signed. Raises IssuanceFault for a blob that is not ours."""

    publications: PublicationStore
    public_key: PublicKey

    def full(self, name: str) -> FullCRL | None:
        """The full CRL, None before the first."""
        source = self.publications.read(name)
        if source is None:
            return None
        ledger = Ledger.read(name, source.metadata)
        try:
            verify_crl(source.data, self.public_key)
            outline = read_outline(source.data)
            return FullCRL(
                number=outline.number,
                this_update=outline.this_update,
                next_update=outline.next_update,
                ledger=ledger,
                listed=outline.listed,
                source=source,
            )
        except RequestError as error:
            raise IssuanceFault(f"{name} is not a CRL that we published: {error!r}") from error

    def shard(self, scope: Scope, *, deltas: bool) -> Standing:
        """A shard by its label; its list is not read, since it is taken from the full one."""
        status = self.publications.stat(scope.name)
        delta = self.delta(scope) if deltas else None
        if status is None:
            return Standing(scope, delta=delta)
        label = Label.read(scope.name, status.metadata)
        return Standing(scope, label.number, label.next_update, label, status, delta)

    def shard_counts(self, issuer: Issuer) -> list[int]:
        """The counts of the shards that stand: one call for each that there can be."""
        return [count for count in COUNTS if self.publications.stat(Scope.shard(issuer, count, 0).name)]

    def delta(self, scope: Scope) -> StandingDelta | None:
        """The delta of a scope, None if there is none."""
        source = self.publications.read(scope.delta_name)
        return None if source is None else read_delta(scope.delta_name, source, self.public_key)
