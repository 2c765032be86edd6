"""Keys: what storage takes, one to one, in the right order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.store import addresses
from shared.store.ports import RevocationChange, Supersession
from tests.contracts import examples

ANY_TEXT = st.text(st.characters()) | st.text("/\\#?%=é\x00a-.", max_size=700)
PLAIN_KEY = re.compile(r"[A-Za-z0-9._:@+~=-]{1,512}").fullmatch
DAYS = st.dates(date(2001, 1, 1), date(2089, 1, 1))


@given(ANY_TEXT)
def test_a_key_is_plain_and_fits_into_a_kibibyte(text: str) -> None:
    assert PLAIN_KEY(addresses.encode(text))


@given(ANY_TEXT, ANY_TEXT)
def test_different_ids_have_different_keys(one: str, other: str) -> None:
    assert (addresses.encode(one) == addresses.encode(other)) == (one == other)


@given(ANY_TEXT)
def test_a_key_is_never_another_ids_key(text: str) -> None:
    encoded = addresses.encode(text)
    assert encoded == text or addresses.encode(encoded) != encoded


@given(st.text("abcXYZ019._:@+~-", min_size=1, max_size=400))
def test_plain_ids_stay_legible(text: str) -> None:
    assert addresses.encode(text) == text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "="),
        ("a/b\\c#d?e%f=g", "a=2Fb=5Cc=23d=3Fe=25f=3Dg"),
        ("é", "=C3=A9"),
        ("\x00", "=00"),
        ("a b'c", "a=20b=27c"),
    ],
)
def test_the_form_of_keys_is_fixed(text: str, key: str) -> None:
    assert addresses.encode(text) == key


def test_a_long_id_is_hashed() -> None:
    assert addresses.encode("x" * 400) == "x" * 400
    assert re.fullmatch("=h[0-9a-f]{64}", addresses.encode("x" * 401))
    assert re.fullmatch("=h[0-9a-f]{64}", addresses.encode("/" * 134))


def test_the_address_of_a_record_of_ours_follows_from_its_serial() -> None:
    serial = "25ab7f" + "00" * 16
    assert addresses.of_record("00112233aabbccdd", serial) == ("00112233aabbccdd-25ab-7f", serial)


@given(st.text("0123456789abcdef", min_size=1, max_size=44))
def test_every_serial_lies_in_its_issuers_range(serial: str) -> None:
    keys = addresses.records_of("00112233aabbccdd")
    assert keys.first <= addresses.of_record("00112233aabbccdd", serial).partition < keys.beyond


@given(ANY_TEXT, ANY_TEXT)
def test_no_issuers_range_holds_another_issuers_rows(one: str, other: str) -> None:
    keys = addresses.records_of(one)
    held = keys.first <= addresses.of_record(other, examples.serial()).partition < keys.beyond
    assert held == (one == other)


@given(ANY_TEXT)
def test_composite_keys_fit_too(text: str) -> None:
    change = RevocationChange(text, text, examples.NOW, None)
    supersession = Supersession(date(2026, 4, 1), text, text, "", text)
    for address in (
        addresses.of_record(text, text),
        addresses.of_change(change),
        addresses.of_supersession(supersession),
        addresses.of_holder(text, text),
        addresses.of_use(text, 1),
    ):
        assert all(PLAIN_KEY(key) for key in address)


@given(DAYS, DAYS)
def test_records_are_in_order_of_their_end(one: date, other: date) -> None:
    partitions = [
        addresses.of_record("aa", examples.serial(ends=datetime(day.year, day.month, day.day, tzinfo=UTC)))
        for day in (one, other)
    ]
    assert (partitions[0].partition < partitions[1].partition) == (one < other)


@given(DAYS, DAYS)
def test_what_is_due_is_within_the_range_of_its_day(due: date, day: date) -> None:
    keys = addresses.due_until(day)
    partition = addresses.of_supersession(examples.supersession(due=due)).partition
    assert (keys.first <= partition < keys.beyond) == (due <= day)


def test_the_hour_of_a_change_is_utc() -> None:
    moment = datetime(2026, 3, 1, 1, 59, tzinfo=timezone(timedelta(hours=2)))
    assert addresses.of_change(examples.change(issuer="aa", changed_at=moment)).partition == "aa-2026022823"


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_later_uses_come_first_and_within_their_range(one: int, other: int) -> None:
    rows = [addresses.of_use("kiosk", number).row for number in (one, other)]
    assert (rows[0] < rows[1]) == (one > other)
    assert addresses.use_number(rows[0]) == one
    assert addresses.USES.first <= rows[0] < addresses.USES.beyond
    assert not addresses.USES.first <= addresses.of_holder("kiosk", rows[0]).row < addresses.USES.beyond
