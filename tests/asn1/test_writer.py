"""What the writer makes is what asn1crypto makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, tags, writer
from shared.asn1.reader import read


@given(st.binary(max_size=400))
def test_strings_of_octets(octets: bytes) -> None:
    assert writer.octet_string(octets) == core.OctetString(octets).dump()
    assert writer.bit_string(octets) == core.OctetBitString(octets).dump()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 20])
def test_lengths(size: int) -> None:
    assert writer.octet_string(bytes(size)) == core.OctetString(bytes(size)).dump()


@given(st.integers(-(2**200), 2**200))
def test_integers(number: int) -> None:
    assert writer.integer(number) == core.Integer(number).dump()


@pytest.mark.parametrize("number", [0, 127, 128, 255, 256, -1, -127, -128, -129, -256, -257])
def test_integers_at_the_edges(number: int) -> None:
    assert writer.integer(number) == core.Integer(number).dump()


@given(st.lists(st.binary(max_size=5).map(writer.octet_string)))
def test_sets_are_sorted(parts: list[bytes]) -> None:
    encoded = writer.set_of(parts)
    assert [child.encoded for child in read(encoded).children()] == sorted(parts)


@pytest.mark.parametrize(
    ("positions", "encoded"),
    [
        ([], "030100"),
        ([0], "03020780"),
        ([0, 2], "030205a0"),
        ([2, 0, 2], "030205a0"),
        ([7], "03020001"),
        ([8], "0303070080"),
        ([5, 6], "03020106"),
    ],
)
def test_named_bits_lose_their_trailing_zeros(positions: list[int], encoded: str) -> None:
    assert writer.named_bits(positions).hex() == encoded


def test_small_things() -> None:
    assert writer.boolean(True) == core.Boolean(True).dump()
    assert writer.boolean(False) == core.Boolean(False).dump()
    assert writer.null() == core.Null().dump()
    assert writer.utf8_string("Zoë") == core.UTF8String("Zoë").dump()
    assert writer.printable_string("a") == core.PrintableString("a").dump()
    assert writer.ia5_string("a@b") == core.IA5String("a@b").dump()
    assert writer.context(1, b"ab", constructed=False) == b"\x81\x02ab"
    assert writer.context(1, b"\x05\x00") == b"\xa1\x02\x05\x00"


@pytest.mark.parametrize("write", [writer.printable_string, writer.ia5_string])
def test_text_beyond_ascii_is_refused(write: Callable[[str], bytes]) -> None:
    with pytest.raises(UnicodeEncodeError):
        write("Zoë")


@pytest.mark.parametrize(
    "dotted",
    ["", "1", "3.1", "1.40", "1..2", "1.2.", ".1", "1.-2", "1.+2", "1. 2", "1.2.03", "1.2\n", "a.b", "1.1_0"],
)
def test_an_oid_that_is_none(dotted: str) -> None:
    with pytest.raises(ValueError, match="not an object identifier"):
        writer.oid(dotted)


def test_every_named_oid_is_one_and_has_one_name() -> None:
    named = {name: value for name, value in vars(oids).items() if name.isupper()}
    for dotted in named.values():
        assert writer.oid(dotted) == core.ObjectIdentifier(dotted).dump()
    assert len(set(named.values())) == len(named)


@pytest.mark.parametrize(
    ("moment", "stamp"),
    [
        (datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC), b"19491231235959Z"),
        (datetime(1950, 1, 1, tzinfo=UTC), b"500101000000Z"),
        (datetime(2049, 12, 31, 23, 59, 59, 999, tzinfo=UTC), b"491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"20500101000000Z"),
        (datetime(2050, 1, 1, tzinfo=timezone(timedelta(hours=1))), b"491231230000Z"),
    ],
)
def test_times(moment: datetime, stamp: bytes) -> None:
    assert read(writer.time(moment)).contents == stamp


@pytest.mark.parametrize("write", [writer.time, writer.generalized_time])
def test_a_time_without_a_zone_is_refused(write: Callable[[datetime], bytes]) -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        write(datetime(2024, 1, 1))  # noqa: DTZ001


@given(st.integers(0, 70_000))
def test_a_header_is_what_comes_before_the_contents(size: int) -> None:
    assert writer.header(tags.SEQUENCE, size) + bytes(size) == writer.tlv(tags.SEQUENCE, bytes(size))
