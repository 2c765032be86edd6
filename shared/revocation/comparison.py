"""The CRL beside the records, entry by entry: two ordered streams, so that neither has to be in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from shared.errors import IssuanceFault
from shared.revocation.edition import entry_of
from shared.store.ports import Revocation
from shared.x509.crl_entry import is_ours_key, serial_key
from shared.x509.crl_list import EntryList, is_ended

Keyed = tuple[bytes, bytes]
"""A key and its entry (DER)."""


def differences(
    listed: EntryList, revoked: Iterable[tuple[str, Revocation]], ended_before: date
) -> Iterator[tuple[bytes, bytes | None]]:
    """Key and listed entry (None: there is none) wherever the records say something else. What is revoked on record but
    ended before `ended_before` has left the CRL, and is none. Raises IssuanceFault if the records are out of order."""
    strangers: dict[bytes, bytes] = {}
    others: dict[bytes, bytes] = {}
    ours = _ours(listed.in_order(), strangers)
    theirs = _ours(((serial_key(serial), entry_of(serial, found)) for serial, found in revoked), others)
    for key, entry, recorded in side_by_side(ours, theirs):
        if entry != recorded and (entry is not None or not is_ended(key, ended_before)):
            yield key, entry
    for key in sorted(strangers.keys() | others.keys()):
        if strangers.get(key) != others.get(key):
            yield key, strangers.get(key)


def _ours(entries: Iterable[Keyed], others: dict[bytes, bytes]) -> Iterator[Keyed]:
    """Those with a serial number of our own form; the few others, which are in no order, go to `others`."""
    for key, entry in entries:
        if is_ours_key(key):
            yield key, entry
        else:
            others[key] = entry


def side_by_side(
    left: Iterator[Keyed], right: Iterator[Keyed]
) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """Every key of two ascending streams, with the entry of each."""
    a, b = next(left, None), next(right, None)
    while a or b:
        key = min(each[0] for each in (a, b) if each)
        yield key, a[1] if a and a[0] == key else None, b[1] if b and b[0] == key else None
        if a and a[0] == key:
            a = _following(left, key)
        if b and b[0] == key:
            b = _following(right, key)


def _following(stream: Iterator[Keyed], key: bytes) -> Keyed | None:
    found = next(stream, None)
    if found and found[0] <= key:
        raise IssuanceFault("the records do not come in order of serial number")
    return found
