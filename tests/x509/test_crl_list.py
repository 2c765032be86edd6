"""Lists of entries as DER: merged and cut like a dictionary would be, in one pass, whatever is put in or taken out."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessage
from shared.x509.crl_entry import RevokedEntry, is_ours_key, key_serial, key_shard, removal, serial_key
from shared.x509.crl_list import EntryList, is_ended, merge, project
from shared.x509.serial import day_octets, make_serial, shard_of
from tests.x509.material import NOW

DAY = timedelta(days=1)
REASONS = (None, "keyCompromise", "certificateHold", "superseded")

ours = st.builds(
    lambda days, tail: f"{0x2000 + days:04x}{tail.hex()}",
    st.integers(0, 40),
    st.binary(min_size=17, max_size=17),
)
strangers = st.integers(1, 2**159 - 1).map(lambda number: f"{number:040x}")
serials = st.one_of(ours, ours, strangers)
entries = st.builds(
    RevokedEntry,
    serials,
    st.integers(0, 99).map(lambda hours: NOW - timedelta(hours=hours)),
    st.sampled_from(REASONS),
)
lists = st.lists(entries, max_size=30, unique_by=lambda entry: int(entry.serial_hex, 16))


def by_key(found: list[RevokedEntry]) -> dict[bytes, bytes]:
    return {serial_key(entry.serial_hex): entry.to_der() for entry in found}


def content(listed: EntryList) -> bytes:
    return listed.data[listed.start : listed.end]


def within(listed: Mapping[bytes, bytes], around: bytes = b"before and after") -> EntryList:
    """The list somewhere in a larger piece of data."""
    inner = b"".join(listed[key] for key in sorted(listed))
    return EntryList(around + inner + around, len(around), len(around) + len(inner))


@given(lists, lists, st.sets(st.integers(0, 40)), st.data())
def test_a_merge_is_what_a_dictionary_does(
    before: list[RevokedEntry], put: list[RevokedEntry], taken: set[int], data: st.DataObject
) -> None:
    old, new = by_key(before), by_key(put)
    updates: dict[bytes, bytes | None] = {**new}
    updates |= {key: None for place, key in enumerate(sorted(old)) if place in taken}
    watched = data.draw(st.sets(st.sampled_from(sorted({*old, *new}))) if {*old, *new} else st.just(set()))
    merged = merge(within(old), updates, watched=watched)
    expected = {key: entry for key, entry in {**old, **updates}.items() if entry}
    assert content(merged.entries) == b"".join(expected[key] for key in sorted(expected))
    assert merged.count == len(expected)
    assert merged.changed == {key for key, entry in updates.items() if old.get(key) != entry}
    assert dict(merged.found) == {k: v for k, v in expected.items() if k in watched or k in updates}
    assert list(merged.entries) == sorted(expected.items())


@given(lists, lists, st.integers(-2, 42))
def test_what_ended_leaves_and_does_not_come_back(
    before: list[RevokedEntry], put: list[RevokedEntry], days: int
) -> None:
    limit = date(2000, 1, 1) + timedelta(days=0x2000 + days)
    merged = merge(within(by_key(before)), by_key(put), ended_before=limit)
    kept = {
        key: entry
        for key, entry in (by_key(before) | by_key(put)).items()
        if not (is_ours_key(key) and key[2:4] < day_octets(limit))
    }
    assert list(merged.entries) == sorted(kept.items())
    assert merged.count == len(kept)
    assert all(is_ended(key, limit) for key in (by_key(before) | by_key(put)).keys() - kept.keys())


@given(lists, st.sampled_from([2, 4, 16, 256]), st.data())
def test_shards_are_the_list_by_the_top_bits(
    before: list[RevokedEntry], count: int, data: st.DataObject
) -> None:
    numbers = data.draw(st.sets(st.integers(0, count - 1)))
    found = project(within(by_key(before)), count, numbers)
    assert found.keys() == numbers
    for number, (listed, entries) in found.items():
        expected = {k: e for k, e in by_key(before).items() if key_shard(k, count) == number}
        assert listed == b"".join(expected[key] for key in sorted(expected))
        assert entries == len(expected)


@given(ours, st.sampled_from([2, 8, 256]))
def test_the_shard_of_a_key_is_that_of_its_serial_number(serial: str, count: int) -> None:
    assert key_shard(serial_key(serial), count) == shard_of(serial, count)
    assert shard_of(serial, 256) == int(serial[4:6], 16)
    assert shard_of(serial, count) == shard_of(serial, 256) * count // 256


def test_a_serial_number_of_another_form_is_in_no_shard() -> None:
    assert key_shard(serial_key("0badcafe"), 16) == -1
    assert not is_ours_key(serial_key("ff" * 19))
    with pytest.raises(ValueError, match="not a serial of ours"):
        shard_of("0badcafe", 16)


@given(entries)
def test_an_entry_comes_back_as_it_went(entry: RevokedEntry) -> None:
    found = RevokedEntry.from_der(entry.to_der())
    assert (int(found.serial_hex, 16), found.at, found.reason) == (
        int(entry.serial_hex, 16),
        entry.at,
        entry.reason,
    )
    key = serial_key(entry.serial_hex)
    assert int(key_serial(key), 16) == int(entry.serial_hex, 16)
    removed = RevokedEntry.from_der(removal(key, NOW))
    assert (removed.at, removed.reason) == (NOW, "removeFromCRL")


@given(st.lists(serials, min_size=2, max_size=2, unique_by=lambda serial: int(serial, 16)))
def test_keys_sort_as_numbers_do(pair: list[str]) -> None:
    one, other = pair
    assert (serial_key(one) < serial_key(other)) == (int(one, 16) < int(other, 16))


@given(lists)
def test_a_list_that_is_not_sorted_is_sorted_first(before: list[RevokedEntry]) -> None:
    """As the first version of the publisher wrote it."""
    found = by_key(before)
    shuffled = sorted(found.values(), key=lambda entry: hash(entry))
    data = b"".join(shuffled)
    disordered = EntryList(data, 0, len(data))
    assert list(disordered.in_order()) == sorted(found.items())
    new = RevokedEntry(make_serial(NOW, lambda octets: bytes(octets)), NOW)
    merged = merge(disordered, {serial_key(new.serial_hex): new.to_der()})
    assert list(merged.entries) == sorted((found | by_key([new])).items())


def test_where_nothing_changes_nothing_is_copied() -> None:
    before = within(by_key([RevokedEntry(f"27ca{number:034x}", NOW) for number in range(9)]))
    same = {serial_key(f"27ca{4:034x}"): RevokedEntry(f"27ca{4:034x}", NOW).to_der()}
    for updates in ({}, same, {serial_key("0badcafe"): None}):
        merged = merge(before, updates)
        assert merged.entries.data is before.data
        assert (merged.count, merged.changed) == (9, frozenset())


@pytest.mark.parametrize(
    "junk", [b"\x30", b"\x30\x02", b"\x05\x00", b"\x30\x05\x02\x01\x01\x17", b"\x00" * 9]
)
def test_what_is_no_list_is_refused(junk: bytes) -> None:
    with pytest.raises(MalformedMessage):
        merge(EntryList(junk, 0, len(junk)), {})


def test_damaged_lists_are_read_or_refused_and_nothing_else() -> None:
    dice = random.Random(5)
    found = by_key([RevokedEntry(f"27ca{number:034x}", NOW, REASONS[number % 4]) for number in range(6)])
    whole = b"".join(found[key] for key in sorted(found))
    refused = 0
    for _ in range(3000):
        octets = bytearray(whole)
        for _ in range(dice.choice((1, 2, 8))):
            octets[dice.randrange(len(octets))] = dice.choice(
                (0, 2, 0x30, 0x7F, 0x80, 0xFF, dice.randrange(256))
            )
        data = bytes(octets[: dice.choice((len(octets), dice.randrange(len(octets))))])
        listed = EntryList(data, 0, len(data))
        try:
            merge(listed, {serial_key(f"27ca{3:034x}"): None}, ended_before=NOW.date())
        except MalformedMessage:
            refused += 1
        for _, entry in _entries(listed):
            with suppress(MalformedMessage):
                RevokedEntry.from_der(entry)
    assert refused > 1000


def _entries(listed: EntryList) -> list[tuple[bytes, bytes]]:
    try:
        return list(listed)
    except MalformedMessage:
        return []
