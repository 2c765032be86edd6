"""The list inside a CRL (revokedCertificates, RFC 5280 5.1.2.6) as the DER it is, in ascending order of serial number.

A list of a million entries is never taken apart: one pass finds the few places that matter, and what lies between
them is copied as it stands. Only our own lists are read here, so an entry has a header of two octets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from shared.asn1 import tags
from shared.errors import MalformedMessage
from shared.x509.serial import day_octets

_OURS: Final = b"\x02\x13"  # an INTEGER of nineteen octets
_FIRST: Final = b"\x02"  # every key is an INTEGER, and so behind this
_LAST: Final = b"\x03"  # and before this
_SPREAD: Final = 6  # where the spread octet is in an entry of ours: two headers, two octets of the day


@dataclass(frozen=True, slots=True)
class EntryList:
    """The entries in `data[start:end]`."""

    data: bytes = field(repr=False)
    start: int
    end: int

    @classmethod
    def of(cls, entries: Iterable[bytes]) -> EntryList:
        """A list of entries in any order; of two for one serial number the last counts. Raises MalformedMessage."""
        by_key = {_key(entry, 0): entry for entry in entries}
        data = b"".join(by_key[key] for key in sorted(by_key))
        return cls(data, 0, len(data))

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and DER of every entry. Raises MalformedMessage."""
        data, position = self.data, self.start
        while position < self.end:
            stop = _stop(data, position, self.end)
            yield _key(data, position), data[position:stop]
            position = stop

    def in_order(self) -> EntryList:
        """This list, sorted if it is not. Raises MalformedMessage."""
        try:
            _places(self, ())
        except _Disorder:
            return EntryList.of(entry for _, entry in self)
        return self


class _Disorder(Exception):
    """The list is not sorted: another version's, or nobody's."""


class _Place(NamedTuple):
    """Where a key is, or belongs (then `start == stop`); `before` entries come before it."""

    start: int
    stop: int
    before: int


@dataclass(frozen=True, slots=True)
class Merged:
    """The next list. `found` has the entries of the keys that were asked for, `changed` the keys that made a
    difference."""

    entries: EntryList
    count: int
    found: Mapping[bytes, bytes]
    changed: frozenset[bytes]


def is_ended(key: bytes, before: date) -> bool:
    """Whether a serial number of ours says that its certificate ended on a day before `before`."""
    first, beyond = _ended(before)
    return first < key < beyond


def _ended(before: date) -> tuple[bytes, bytes]:
    return _OURS + day_octets(date.min), _OURS + day_octets(before)


def merge(
    listed: EntryList,
    updates: Mapping[bytes, bytes | None],
    *,
    watched: Collection[bytes] = (),
    ended_before: date = date.min,
) -> Merged:
    """`listed` with each key's entry put in or (None) taken out, and without certificates that ended.

    An update of a certificate that ended changes nothing. Linear in the list. Raises MalformedMessage.
    """
    ended = _ended(ended_before)
    keys = sorted(key for key in {*updates, *watched} if not ended[0] < key < ended[1])
    try:
        places = _places(listed, sorted([*keys, *ended]))
    except _Disorder:
        return merge(listed.in_order(), updates, watched=watched, ended_before=ended_before)
    work = _Work(listed, places.pop(_LAST).before)
    gone = _Place(places[ended[0]].start, places[ended[1]].start, 0)
    dropped = places[ended[1]].before - places[ended[0]].before
    for key in sorted([*keys, ended[0]]):
        if key == ended[0]:
            work.replace(gone, b"", dropped)
        elif key in updates:
            work.update(key, places[key], updates[key] or b"")
        else:
            work.note(key, listed.data[places[key].start : places[key].stop])
    return work.done()


class _Work:
    """A list on its way to the next: runs of what stays, and what is put between them."""

    def __init__(self, listed: EntryList, count: int) -> None:
        self._listed, self._view = listed, memoryview(listed.data)
        self._pieces: list[bytes | memoryview] = []
        self._position, self._count = listed.start, count
        self._found: dict[bytes, bytes] = {}
        self._changed: set[bytes] = set()

    def replace(self, place: _Place, entry: bytes, dropped: int) -> None:
        if place.start == place.stop and not entry:
            return
        self._pieces += (self._view[self._position : place.start], entry)
        self._position, self._count = place.stop, self._count - dropped + bool(entry)

    def update(self, key: bytes, place: _Place, entry: bytes) -> None:
        if self._listed.data[place.start : place.stop] != entry:
            self.replace(place, entry, int(place.stop > place.start))
            self._changed.add(key)
        self.note(key, entry)

    def note(self, key: bytes, entry: bytes) -> None:
        if entry:
            self._found[key] = entry

    def done(self) -> Merged:
        entries = self._listed
        if self._pieces:  # else nothing came or went, and nothing is copied
            data = b"".join([*self._pieces, self._view[self._position : self._listed.end]])
            entries = EntryList(data, 0, len(data))
        return Merged(entries, self._count, self._found, frozenset(self._changed))


def _places(listed: EntryList, keys: Collection[bytes]) -> dict[bytes, _Place]:
    """The place of each of `keys`, which are sorted, and under `_LAST` that of the end. Raises _Disorder,
    MalformedMessage."""
    data, position, end = listed.data, listed.start, listed.end
    places: dict[bytes, _Place] = {}
    ahead = iter(keys)
    wanted, previous, count = next(ahead, _LAST), _FIRST, 0
    try:
        while position < end:  # once for each of a million entries: no calls but those needed
            stop = position + 2 + data[position + 1]
            key = data[position + 2 : position + 4 + data[position + 3]]
            if key <= previous or data[position] != tags.SEQUENCE:
                raise _Disorder
            while key >= wanted:
                if wanted == _LAST:
                    raise MalformedMessage("an entry without a serial number")
                places[wanted] = _Place(position, stop if key == wanted else position, count)
                wanted = next(ahead, _LAST)
            previous, position, count = key, stop, count + 1
    except IndexError:
        raise MalformedMessage("a list that ends inside an entry") from None
    if position != end:
        raise MalformedMessage("a list that ends inside an entry")
    for key in (wanted, *ahead, _LAST):
        places[key] = _Place(end, end, count)
    return places


def project(listed: EntryList, count: int, numbers: Collection[int]) -> dict[int, tuple[bytes, int]]:
    """The shards `numbers` of `count`, a power of two: the entries of ours in each, and how many. Linear.

    `listed` has been through `merge`, so it is known to be whole.
    """
    data, position, end, shift = listed.data, listed.start, listed.end, 9 - count.bit_length()
    view, lists, counts = memoryview(data), {n: bytearray() for n in numbers}, dict.fromkeys(numbers, 0)
    start, current, entries = position, -1, 0
    while position < end:
        shard = data[position + _SPREAD] >> shift if data[position + 3] == _OURS[1] else -1
        if shard != current:
            if current in lists:
                lists[current] += view[start:position]
                counts[current] += entries
            start, current, entries = position, shard, 0
        position, entries = position + 2 + data[position + 1], entries + 1
    if current in lists:
        lists[current] += view[start:end]
        counts[current] += entries
    return {number: (bytes(lists[number]), counts[number]) for number in numbers}


def _stop(data: bytes, position: int, end: int) -> int:
    if position + 4 > end or data[position] != tags.SEQUENCE:
        raise MalformedMessage("a list that holds something else than entries")
    stop = position + 2 + data[position + 1]
    if stop > end or data[position + 1] >= 0x80:
        raise MalformedMessage("a list that ends inside an entry")
    return stop


def _key(data: bytes, position: int) -> bytes:
    key = data[position + 2 : position + 4 + data[position + 3]] if position + 4 <= len(data) else b""
    if not key.startswith(_FIRST):
        raise MalformedMessage("an entry without a serial number")
    return key
