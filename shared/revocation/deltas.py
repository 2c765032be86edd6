"""Delta CRLs (RFC 5280 5.2.4): what changed since a complete CRL that was published at its fixed URL.

The base is so old that every complete CRL which has not ended can be brought up to date with the delta. To move it,
a delta keeps its entries in the order in which they changed, and its metadata says which complete CRL is the base to
come and how many entries are older than that. What an entry says is always taken from the complete list of the same
build: the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from shared.errors import IssuanceFault, MalformedMessage, RequestError
from shared.revocation.labels import moment
from shared.store.ports import PublishedObject
from shared.x509.crl import verify_crl
from shared.x509.crl_entry import is_removal, removal
from shared.x509.crl_outline import read_outline
from shared.x509.public_key import PublicKey

Entries = Mapping[bytes, bytes]
"""DER by key, in the order of change."""


@dataclass(frozen=True, slots=True)
class DeltaList:
    """Changes since the complete CRL `base`; the first `older` of them were made before the complete CRL `following`,
    the base to come once all before it have ended, at `following_ends`."""

    base: int
    following: int
    following_ends: datetime
    older: int = 0
    entries: Entries = field(default_factory=dict, repr=False)

    @classmethod
    def since(cls, number: int, ends: datetime) -> DeltaList:
        """Nothing yet, since the complete CRL `number` that ends at `ends`."""
        return cls(number, number, ends)

    @classmethod
    def read(cls, metadata: Mapping[str, str], entries: Entries) -> DeltaList:
        """From the metadata and the list of a published delta. Raises KeyError, ValueError."""
        return cls(
            base=int(metadata["base"]),
            following=int(metadata["following"]),
            following_ends=moment(metadata["following_ends"]),
            older=int(metadata["older"]),
            entries=entries,
        )

    def metadata(self) -> dict[str, str]:
        """What the metadata of the published delta says beside its label."""
        return {
            "base": str(self.base),
            "following": str(self.following),
            "following_ends": self.following_ends.isoformat(),
            "older": str(self.older),
        }

    def moved_on(self, now: datetime, number: int, ends: datetime) -> DeltaList:
        """With the base to come as the base if all complete CRLs before that have ended; then `number`, which is
        published and ends at `ends`, is the base to come."""
        if now < self.following_ends:
            return self
        kept = dict(islice(self.entries.items(), self.older, None))
        return DeltaList(self.following, number, max(ends, self.following_ends), len(kept), kept)

    def up_to_date(
        self, touched: Collection[bytes], listed: Entries, is_ended: Callable[[bytes], bool], now: datetime
    ) -> DeltaList:
        """With the serial numbers `touched` too, and every entry as the complete list says: `listed` has those it
        holds. One whose certificate ended long ago is not needed any more."""
        kept: dict[bytes, bytes] = {}
        moved: dict[bytes, bytes] = {}
        older = 0
        for place, (key, before) in enumerate(self.entries.items()):
            entry = listed.get(key) or (before if is_removal(before) else removal(key, now))
            if is_ended(key):
                continue
            if entry != before:
                moved[key] = entry
                continue
            kept[key] = entry
            older += place < self.older
        for key in sorted(touched):
            if key not in kept and not is_ended(key):
                moved[key] = listed.get(key) or removal(key, now)
        return DeltaList(self.base, self.following, self.following_ends, older, kept | moved)


@dataclass(frozen=True, slots=True)
class StandingDelta:
    """A delta that stands published, verified."""

    number: int
    changes: DeltaList
    source: PublishedObject


def read_delta(name: str, source: PublishedObject, public_key: PublicKey) -> StandingDelta:
    """Raises IssuanceFault if blob `name` is not a delta that we published."""
    try:
        verify_crl(source.data, public_key)
        outline = read_outline(source.data)
        changes = DeltaList.read(source.metadata, dict(outline.listed))
        if outline.base != changes.base or not 0 <= changes.older <= len(changes.entries):
            raise MalformedMessage("metadata of another delta")
    except (RequestError, KeyError, ValueError) as error:
        raise IssuanceFault(f"{name} is not a CRL that we published: {error!r}") from error
    return StandingDelta(outline.number, changes, source)
