"""The shards of an edition: which are needed, and each cut out of the full list that the edition is about to publish.

So a shard can never disagree with the full CRL for longer than from one round of all shards to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from shared.ca.issuer import Issuer
from shared.revocation.crl_standing import Reader, Standing
from shared.revocation.labels import Label
from shared.revocation.press import BACKDATE, Press, Sheet
from shared.revocation.scopes import Scope, shards
from shared.x509.crl_entry import key_shard
from shared.x509.crl_list import EntryList, Merged, project

News = Mapping[bytes, tuple[bytes | None, datetime]]
"""Entries by key (None takes one off), each with the time of the change."""


@dataclass(frozen=True, slots=True)
class Sharding:
    """Of the shard `counts` in use, all shards of those in `rounds` are to be printed, of the others those that the
    changes in `peek` or an earlier attempt (`printed`) touched. `oldest` is thisUpdate of the oldest CRL of the set."""

    issuer: Issuer
    counts: Sequence[int]
    rounds: frozenset[int]
    peek: Callable[[], News]
    printed: set[Scope]
    oldest: datetime | None

    def read(self, reader: Reader, *, deltas: bool) -> list[Standing]:
        """What stands of the shards that are needed."""
        return [reader.shard(scope, deltas=deltas) for scope in self._needed()]

    def _needed(self) -> Iterator[Scope]:
        others = [count for count in self.counts if count not in self.rounds]
        touched = self.peek() if others else {}
        for count in self.counts:
            numbers = {key_shard(key, count) for key in touched}
            for scope in shards(self.issuer, count):
                if count in self.rounds or scope.number in numbers or scope in self.printed:
                    yield scope

    def print(self, press: Press, parts: Iterable[Standing], merged: Merged, news: News) -> datetime:
        """Print what is needed; thisUpdate of the oldest CRL of the set."""
        times = [press.now - BACKDATE, *([self.oldest] if self.oldest and self.counts else [])]
        for count, group in groupby(parts, key=lambda part: part.scope.count):
            needed = {part.scope.number: part for part in group}
            lists = project(merged.entries, count, needed)
            for number, part in needed.items():
                touched = {key: at for key, (_, at) in news.items() if key_shard(key, count) == number}
                listed, entries = lists.pop(number)
                digest = sha256(listed).hexdigest()
                sheet = Sheet(EntryList(listed, 0, len(listed)), entries, touched, merged.found, digest)
                times.append(self._print(press, part, sheet, max(touched.values(), default=None)))
        return min(times)

    def _print(self, press: Press, part: Standing, sheet: Sheet, newest: datetime | None) -> datetime:
        label = part.label
        if label is None or not self._will_do(press, part.scope, label, sheet.digest, newest):
            label = press.print(part, sheet, {})
            self.printed.add(part.scope)
        else:
            press.blobs.mend_pem(part.scope.name, label.number)
        return label.this_update

    def _will_do(
        self, press: Press, scope: Scope, label: Label, digest: str, newest: datetime | None
    ) -> bool:
        """Whether what stands says the same and will last.

        What is older than the `newest` change is replaced even so: else somebody who is slow, and has read only the
        change before, would find what he means to replace. In a round a shard is to be young, as it is if an earlier
        attempt at the same round put it.
        """
        if (label.digest, label.deltas) != (digest, press.plan.delta_life is not None):
            return False
        if newest is not None and newest >= label.this_update + BACKDATE:
            return False
        return scope.count not in self.rounds or press.now < label.this_update + press.plan.interval / 2
