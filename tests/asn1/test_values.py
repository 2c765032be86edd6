"""The values inside elements, against asn1crypto's encodings and against what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import tags, values, writer
from shared.asn1.reader import Element, read
from shared.errors import MalformedMessage


@given(st.integers(-(2**2100), 2**2100))
def test_integer(number: int) -> None:
    assert values.integer(read(core.Integer(number).dump())) == number


def test_integer_limits() -> None:
    assert values.integer(read(writer.integer(2**16384 - 1))) == 2**16384 - 1
    for contents in (b"", b"\x01" * 2050):
        with pytest.raises(MalformedMessage):
            values.integer(read(writer.tlv(tags.INTEGER, contents)))


def test_enumerated() -> None:
    assert values.enumerated(read(b"\x0a\x01\x05")) == 5


@pytest.mark.parametrize(("octets", "value"), [(b"\x00", False), (b"\xff", True), (b"\x01", True)])
def test_boolean(octets: bytes, value: bool) -> None:
    assert values.boolean(read(writer.tlv(tags.BOOLEAN, octets))) is value


arcs = st.lists(st.integers(0, 2**64), max_size=8)
dotted = st.one_of(
    st.builds(lambda root, second, rest: [root, second, *rest], st.integers(0, 1), st.integers(0, 39), arcs),
    st.builds(lambda second, rest: [2, second, *rest], st.integers(0, 2**40), arcs),
).map(lambda all_arcs: ".".join(map(str, all_arcs)))


@given(dotted.filter(lambda name: len(name) < 100))
def test_oid(name: str) -> None:
    assert writer.oid(name) == core.ObjectIdentifier(name).dump()
    contents = core.ObjectIdentifier(name).contents
    if len(contents) <= 64:
        assert values.oid(read(writer.tlv(tags.OBJECT_IDENTIFIER, contents))) == name


@pytest.mark.parametrize("contents", [b"", b"\x80\x01", b"\x2a\x80\x03", b"\x2a\x83", b"\x2a" + b"\x01" * 64])
def test_an_oid_that_cannot_be(contents: bytes) -> None:
    with pytest.raises(MalformedMessage):
        values.oid(read(writer.tlv(tags.OBJECT_IDENTIFIER, contents)))


def test_octets_and_bits() -> None:
    assert values.octets(read(writer.octet_string(b"ab"))) == b"ab"
    assert values.bits(read(writer.bit_string(b"ab"))) == b"ab"
    for contents in (b"", b"\x01\x02"):
        with pytest.raises(MalformedMessage):
            values.bits(read(writer.tlv(tags.BIT_STRING, contents)))


def test_implicit_octets_whole_and_in_pieces() -> None:
    assert values.implicit_octets(read(writer.context(0, b"abc", constructed=False))) == b"abc"
    pieces = writer.octet_string(b"ab") + b"\x24\x80" + writer.octet_string(b"c") + b"\x00\x00"
    assert values.implicit_octets(read(b"\xa0\x80" + pieces + b"\x00\x00")) == b"abc"
    with pytest.raises(MalformedMessage):
        values.implicit_octets(read(writer.context(0, writer.null())))


@given(st.frozensets(st.integers(0, 30)))
def test_named_bits(positions: frozenset[int]) -> None:
    assert values.named_bits(read(writer.named_bits(positions))) == positions


@pytest.mark.parametrize(
    ("contents", "positions"),
    [(b"\x00\xa0", {0, 2}), (b"\x05\xbf", {0, 2}), (b"\x00", set()), (b"\x07\x00\x80", {8})],
)
def test_named_bits_as_others_write_them(contents: bytes, positions: set[int]) -> None:
    assert values.named_bits(read(writer.tlv(tags.BIT_STRING, contents))) == positions


@pytest.mark.parametrize("contents", [b"", b"\x01", b"\x08\x00", b"\x00" + bytes(5)])
def test_named_bits_that_cannot_be(contents: bytes) -> None:
    with pytest.raises(MalformedMessage):
        values.named_bits(read(writer.tlv(tags.BIT_STRING, contents)))


TEXTS: list[tuple[type[object], str]] = [
    (core.UTF8String, "Zoë 🔑"),
    (core.NumericString, "0123 4"),
    (core.PrintableString, "Org (a)"),
    (core.TeletexString, "Zoe"),
    (core.IA5String, "a@b.example"),
    (core.VisibleString, "visible"),
    (core.UniversalString, "Zoë 🔑"),
    (core.BMPString, "Zoë"),
]


@pytest.mark.parametrize(("kind", "text"), TEXTS)
def test_text(kind: Callable[[str], core.Primitive], text: str) -> None:
    element = read(kind(text).dump())
    assert values.is_text(element)
    assert values.text(element) == text


def test_text_that_others_write_wrongly_is_read() -> None:
    assert values.text(read(writer.tlv(tags.PRINTABLE_STRING, b"a@b_c*"))) == "a@b_c*"
    assert values.text(read(writer.tlv(tags.T61_STRING, "Zoë".encode("latin-1")))) == "Zoë"


@pytest.mark.parametrize(
    ("tag", "contents"),
    [
        (tags.UTF8_STRING, b"\xff"),
        (tags.BMP_STRING, b"\x00"),
        (tags.BMP_STRING, b"\xd8\x00"),
        (tags.UNIVERSAL_STRING, b"\x00\x11\x00\x00"),
        (tags.NUMERIC_STRING, b"\xe9"),
        (tags.OCTET_STRING, b"a"),
    ],
)
def test_text_that_cannot_be(tag: int, contents: bytes) -> None:
    with pytest.raises(MalformedMessage):
        values.text(read(writer.tlv(tag, contents)))


moments = st.integers(-631152000, 253402300799).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(moments)
def test_time(moment: datetime) -> None:
    element = read(writer.time(moment))
    assert values.time(element) == moment
    assert element.tag == (tags.UTC_TIME if moment.year < 2050 else tags.GENERALIZED_TIME)
    oracle = core.UTCTime if moment.year < 2050 else core.GeneralizedTime
    assert oracle.load(element.encoded).native == moment
    assert values.time(read(writer.generalized_time(moment))) == moment


@pytest.mark.parametrize(
    ("tag", "stamp"),
    [
        (tags.UTC_TIME, b"2401010000Z"),
        (tags.UTC_TIME, b"240101000000"),
        (tags.UTC_TIME, b"240101000000+0100"),
        (tags.UTC_TIME, b"240230000000Z"),
        (tags.UTC_TIME, b"+40101000000Z"),
        (tags.UTC_TIME, b"240101000060Z"),
        (tags.UTC_TIME, b""),
        (tags.GENERALIZED_TIME, b"20240101000000.5Z"),
        (tags.GENERALIZED_TIME, b"00000101000000Z"),
        (tags.GENERALIZED_TIME, b"2024 101000000Z"),
        (tags.GENERALIZED_TIME, b"20240101000000Z\n"),
        (tags.OCTET_STRING, b"20240101000000Z"),
    ],
)
def test_times_that_cannot_be(tag: int, stamp: bytes) -> None:
    with pytest.raises(MalformedMessage):
        values.time(read(writer.tlv(tag, stamp)))


READERS: list[Callable[[Element], object]] = [
    values.boolean,
    values.integer,
    values.enumerated,
    values.oid,
    values.octets,
    values.bits,
    values.named_bits,
    values.implicit_octets,
    values.text,
    values.time,
]


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_any_element_is_read_or_malformed(reader: Callable[[Element], object], data: st.DataObject) -> None:
    tag = data.draw(st.sampled_from([1, 2, 3, 4, 6, 10, 12, 18, 19, 20, 22, 23, 24, 26, 28, 30, 0x80, 0xA0]))
    contents = data.draw(st.binary(max_size=30))
    try:
        reader(Element(tag, writer.tlv(tag, contents), 2))
    except MalformedMessage as refused:
        assert refused.reason
