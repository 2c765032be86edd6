"""What CRLs of an issuer stand published, by their labels: for people and for health."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.ca.issuer import Issuer
from shared.revocation.labels import Label, Ledger
from shared.revocation.scopes import Scope, shards
from shared.store.ports import PublicationStore


@dataclass(frozen=True, slots=True)
class PublishedCRL:
    """One CRL. `base` is the number of the complete CRL that a delta starts from, None for a complete one."""

    url: str
    number: int
    base: int | None
    entries: int
    size: int
    this_update: datetime
    next_update: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """Every change before `cursor` is in each of `crls`; `counts` are the shard counts in use."""

    cursor: datetime
    counts: tuple[int, ...]
    crls: tuple[PublishedCRL, ...]


def overview(issuer: Issuer, publications: PublicationStore) -> Overview | None:
    """One call for each CRL; None before the first. Raises IssuanceFault for a blob that is not ours."""
    whole = Scope.whole(issuer)
    status = publications.stat(whole.name)
    if status is None:
        return None
    ledger = Ledger.read(whole.name, status.metadata)
    scopes = [whole, *(scope for count in ledger.counts for scope in shards(issuer, count))]
    names = [name for scope in scopes for name in (scope.name, scope.delta_name)]
    return Overview(ledger.cursor, tuple(ledger.counts), tuple(_published(issuer, names, publications)))


def _published(issuer: Issuer, names: list[str], publications: PublicationStore) -> Iterator[PublishedCRL]:
    for name in names:
        status = publications.stat(name)
        if status is not None:
            label, base = Label.read(name, status.metadata), status.metadata.get("base")
            yield PublishedCRL(
                url=f"{issuer.base_url}/{name}",
                number=label.number,
                base=int(base) if base else None,
                entries=label.entries,
                size=status.size,
                this_update=label.this_update,
                next_update=label.next_update,
            )
