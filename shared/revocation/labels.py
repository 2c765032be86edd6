"""What the metadata of a published CRL says of it, so that nobody reads megabytes to learn a number.

Metadata is put with its blob in one request, so it is never another CRL's. Readers raise IssuanceFault for metadata
that is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from shared.errors import IssuanceFault


def moment(text: str) -> datetime:
    """A time in metadata. ValueError if it is none, or has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"a time without zone: {text!r}")
    return found


@dataclass(frozen=True, slots=True)
class Label:
    """Of any CRL. `digest` is of a shard's list, `deltas` says whether a delta was published with it."""

    number: int
    this_update: datetime
    next_update: datetime
    entries: int
    digest: str = ""
    deltas: bool = False

    @classmethod
    def read(cls, name: str, metadata: Mapping[str, str]) -> Self:
        """The label in the metadata of blob `name`."""
        try:
            return cls._read(metadata)
        except (KeyError, ValueError) as error:
            raise IssuanceFault(f"{name} is not a CRL that we published: {error!r}") from None

    @classmethod
    def _read(cls, metadata: Mapping[str, str]) -> Self:
        return cls(
            number=int(metadata["number"]),
            this_update=moment(metadata["this_update"]),
            next_update=moment(metadata["next_update"]),
            entries=int(metadata["entries"]),
            digest=metadata.get("digest", ""),
            deltas=metadata.get("deltas") == "yes",
        )

    def metadata(self) -> dict[str, str]:
        """This label as metadata."""
        found = {
            "number": str(self.number),
            "this_update": self.this_update.isoformat(),
            "next_update": self.next_update.isoformat(),
            "entries": str(self.entries),
            "deltas": "yes" if self.deltas else "no",
        }
        return found | {"digest": self.digest} if self.digest else found


@dataclass(frozen=True, slots=True)
class Use:
    """From when to when new certificates named shards of one count."""

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the full CRL's blob remembers for the whole set.

    `cursor`: every change read before is in every CRL of the set. `oldest`: thisUpdate of the oldest of them.
    `counts`: every shard count that live certificates may name, all of whose shards are published.
    """

    cursor: datetime
    oldest: datetime
    counts: Mapping[int, Use] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, metadata: Mapping[str, str]) -> Ledger:
        """The ledger in the metadata of the full CRL's blob `name`."""
        try:
            cursor = moment(metadata["cursor"])
            # The first version knew only the cursor, published ten minutes after thisUpdate.
            oldest = moment(metadata.get("oldest", "1970-01-01T00:00:00+00:00"))
            counts = dict(map(_use, metadata.get("counts", "").split()))
        except (KeyError, ValueError) as error:
            raise IssuanceFault(f"{name} is not a CRL that we published: {error!r}") from None
        return cls(cursor, oldest, counts)

    def metadata(self) -> dict[str, str]:
        """This ledger as metadata, beside the label's."""
        found = {"cursor": self.cursor.isoformat(), "oldest": self.oldest.isoformat()}
        counts = " ".join(
            f"{count}={use.first.isoformat()}~{use.last.isoformat()}" for count, use in self.counts.items()
        )
        return found | {"counts": counts} if counts else found

    def used(self, count: int, now: datetime) -> Ledger:
        """With `count` in use now; 0 is none."""
        if not count:
            return self
        first = self.counts[count].first if count in self.counts else now
        return replace(self, counts={**self.counts, count: Use(first, now)})

    def without(self, counts: frozenset[int]) -> Ledger:
        """Once no live certificate names one of `counts`."""
        return replace(self, counts={count: use for count, use in self.counts.items() if count not in counts})


def _use(text: str) -> tuple[int, Use]:
    count, _, times = text.partition("=")
    first, _, last = times.partition("~")
    return int(count), Use(moment(first), moment(last))
