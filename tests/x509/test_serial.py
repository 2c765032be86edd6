"""Serial numbers: nineteen octets that are a positive INTEGER and tell their day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import writer
from shared.errors import IssuanceFault
from shared.x509.serial import expiry_day, is_ours, make_serial, partition_of, serial_text

_FIRST, _LAST = datetime(2000, 9, 13), datetime(2089, 9, 18, 23, 59, 59)  # noqa: DTZ001 - hypothesis adds the zone
ends = st.datetimes(_FIRST, _LAST, timezones=st.just(UTC))


@given(ends, st.binary(min_size=17, max_size=17))
def test_a_serial_tells_its_day_and_partition(end: datetime, octets: bytes) -> None:
    serial = make_serial(end, lambda size: octets[:size])

    assert expiry_day(serial) == end.date()
    assert is_ours(serial)
    assert partition_of(serial) == f"{serial[:4]}-{octets[:1].hex()}"
    assert serial[4:] == octets.hex()
    number = int(serial, 16)
    assert len(writer.integer(number)) == 2 + 19  # no sign octet, no octet lost
    assert serial_text(number) == serial


def test_an_example() -> None:
    end = datetime(2027, 11, 21, 12, tzinfo=UTC)
    serial = make_serial(end, lambda size: b"\xab" * size)
    assert (serial, partition_of(serial)) == ("27ca" + "ab" * 17, "27ca-ab")  # 27 years and 324 days


def test_the_day_is_that_of_utc() -> None:
    late = datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert expiry_day(make_serial(late, bytes)) == date(2026, 12, 31)


@pytest.mark.parametrize("year", [1999, 2000, 2090, 9999])
def test_days_that_cannot_be_written(year: int) -> None:
    with pytest.raises(IssuanceFault):
        make_serial(datetime(year, 1, 1, tzinfo=UTC), bytes)


@pytest.mark.parametrize(
    "serial",
    [
        "",
        "27ca",
        "27CA" + "ab" * 17,
        "27ca" + "ab" * 18,
        "00ff" + "ab" * 17,
        "8000" + "ab" * 17,
        "x" * 38,
        "27ca" + "ab" * 17 + "\n",
    ],
)
def test_serials_of_others(serial: str) -> None:
    assert not is_ours(serial)
    for reader in (partition_of, expiry_day):
        with pytest.raises(ValueError, match="not a serial of ours"):
            reader(serial)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "00"), (1, "01"), (255, "ff"), (256, "0100"), (-255, "ff"), (0x0ABC, "0abc")]
)
def test_serials_as_text(number: int, text: str) -> None:
    assert serial_text(number) == text
