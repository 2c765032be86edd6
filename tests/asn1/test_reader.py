"""Reading: agreement with asn1crypto's parser, walks over fields, refusal of what cannot be."""

from __future__ import annotations

import pytest
from asn1crypto import parser
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import tags, writer
from shared.asn1.reader import Element, Fields, read, read_der, span
from shared.errors import MalformedMessage
from tests.asn1.ber_forms import indefinite, long_form
from tests.asn1.strategies import trees


@given(trees)
def test_every_element_is_what_asn1crypto_reads(der: bytes) -> None:
    _compare(read(der))


def _compare(element: Element) -> None:
    class_, method, number, header, contents, trailer = parser.parse(element.encoded, strict=True)
    assert element.tag == class_ << 6 | method << 5 | number
    assert (element.encoded[: element.header], element.contents, trailer) == (header, contents, b"")
    if method:
        children = element.children()
        assert b"".join(child.encoded for child in children) == contents
        for child in children:
            _compare(child)


@given(st.binary(max_size=40))
def test_read_der_takes_what_read_takes(data: bytes) -> None:
    try:
        element = read(data)
    except MalformedMessage:
        return
    if element.encoded == data:
        assert read_der(data) == element


@pytest.mark.parametrize(
    "data",
    [b"", b"\x05", b"\x04\x02a", b"\x05\x00\x05\x00", b"\x30\x80\x00\x00", b"\x1f\x00", b"\x04\x82\x01"],
)
def test_read_der_refuses_what_is_not_one_element(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_der(data)


def test_a_length_with_leading_zeros_is_read() -> None:
    element = read(long_form(0x30, long_form(0x04, b"abc", octets=7)))
    assert element.only_child().contents == b"abc"


def test_indefinite_lengths_are_gone_after_reading() -> None:
    element = read(indefinite(0x30, indefinite(0x24, writer.octet_string(b"abc"))))
    assert element.encoded == writer.sequence(writer.octet_string(b"abc"))


def test_a_primitive_element_has_no_children() -> None:
    with pytest.raises(MalformedMessage, match="not a constructed"):
        read(writer.octet_string(writer.null())).children()


def test_children_that_overrun_their_parent_are_refused() -> None:
    with pytest.raises(MalformedMessage):
        Element(0x30, b"\x30\x03\x04\x02a", 2).children()


def test_only_child() -> None:
    assert read(writer.context(0, writer.null())).only_child().tag == tags.NULL
    for contents in (b"", writer.null() * 2):
        with pytest.raises(MalformedMessage):
            read(writer.context(0, contents)).only_child()


def test_expect() -> None:
    element = read(writer.null())
    assert element.expect(tags.NULL) is element
    with pytest.raises(MalformedMessage, match="0x05 where 0x30"):
        element.expect(tags.SEQUENCE)


def test_a_walk_over_fields() -> None:
    fields = Fields(read(writer.sequence(writer.integer(7), writer.context(1, writer.null()), writer.null())))
    assert fields.take(tags.INTEGER).contents == b"\x07"
    assert fields.optional(tags.context(0)) is None
    assert fields.optional(tags.context(0), tags.context(1)) is not None
    assert fields.more()
    with pytest.raises(MalformedMessage, match="more fields"):
        fields.finish()
    with pytest.raises(MalformedMessage, match="0x05 where 0x02"):
        fields.take(tags.INTEGER)
    assert fields.take().tag == tags.NULL
    assert not fields.more()
    assert fields.optional(tags.NULL) is None
    fields.finish()
    with pytest.raises(MalformedMessage, match="missing"):
        fields.take()


@given(trees, st.binary(max_size=5))
def test_a_span_is_where_the_element_is(der: bytes, before: bytes) -> None:
    element = read(der)
    at = len(before)
    start = at + element.header
    assert span(before + der + b"more", at) == (element.tag, start, start + len(element.contents))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x01", b"\x30\x80\x00\x00", b"\x30\x81\x01\x00", b"\x1f\x00", b"\x30\x82\x01"],
)
def test_what_has_no_span_in_der(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        span(data, 0)
