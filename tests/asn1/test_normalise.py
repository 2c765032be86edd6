"""BER is rewritten, DER is left alone, and hostile input stays cheap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import normalise as module
from shared.asn1 import writer
from shared.asn1.normalise import MAX_DEPTH, normalise
from shared.asn1.reader import read
from shared.errors import MalformedMessage
from tests.asn1.ber_forms import indefinite, long_form, streamed, to_ber
from tests.asn1.strategies import trees


@given(trees)
def test_der_is_returned_as_it_is(der: bytes) -> None:
    assert normalise(der) is der


@given(trees, st.data())
def test_ber_becomes_the_der_it_was_made_of(der: bytes, data: st.DataObject) -> None:
    ber = to_ber(der, lambda n: data.draw(st.integers(0, n - 1)))
    assert normalise(ber) == der


@given(trees)
def test_a_streamed_message_becomes_der(der: bytes) -> None:
    assert normalise(streamed(der)) == der


def test_lengths_with_leading_zeros_stay_as_sent() -> None:
    inner = long_form(0x04, b"abc")
    assert normalise(long_form(0x30, inner)) == long_form(0x30, inner)


def test_what_no_ber_form_touches_stays_as_sent() -> None:
    inner = long_form(0x30, long_form(0x02, b"\x05"))
    assert normalise(indefinite(0x30, inner)) == writer.sequence(inner)


def test_pieces_with_leading_zeros_in_their_length_are_joined() -> None:
    pieces = long_form(0x04, b"ab") + long_form(0x04, b"c", octets=2)
    assert normalise(indefinite(0x24, pieces)) == writer.octet_string(b"abc")


@pytest.mark.parametrize(
    ("ber", "der"),
    [
        (b"\x24\x00", b"\x04\x00"),
        (b"\x24\x80\x00\x00", b"\x04\x00"),
        (b"\x23\x80\x00\x00", b"\x03\x01\x00"),
        (b"\x23\x08\x03\x02\x00\xaa\x03\x02\x04\xf0", b"\x03\x03\x04\xaa\xf0"),
        (b"\x2c\x04\x0c\x02hi", b"\x0c\x02hi"),
        (b"\x30\x80\x00\x00", b"\x30\x00"),
        (b"\xa0\x80\x24\x80\x04\x01a\x04\x01b\x00\x00\x00\x00", b"\xa0\x04\x04\x02ab"),
    ],
)
def test_known_forms(ber: bytes, der: bytes) -> None:
    assert normalise(ber) == der


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x02\x05",
        b"\x30\x01\x05",
        b"\x30\x82\x01",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\xff" + b"\xff" * 127,
        b"\x30\x03\x04\x02a",  # longer than its container
        b"\x05\x00\x05\x00",
        b"\x30\x00\x05\x00",
        b"\x30\x80\x00\x00\x05\x00",
        b"\x00\x00",
        b"\x30\x02\x00\x00",  # an end marker in a definite length
        b"\x04\x80ab\x00\x00",  # primitive and indefinite
        b"\x30\x80\x04\x01a",
        b"\x30\x80\x04\x01a\x00",
        b"\x30\x80\x30\x80\x00\x00",
        b"\x30\x04\x30\x80\x00\x00\x00\x00",  # the marker of the inner lies outside the outer
        b"\x30\x03\x30\x80\x00\x00",
        b"\x1f\x81\x01\x00",
        b"\x30\x80\x1f\x01\x00\x00\x00",
        b"\x24\x03\x0c\x01a",  # pieces of another type
        b"\x23\x06\x03\x01\x00\x03\x01",
        b"\x23\x08\x03\x02\x04\xa0\x03\x02\x00\xaa",  # unused bits in the middle
        b"\x23\x02\x03\x00",
    ],
)
def test_what_cannot_be_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read(data)


@pytest.mark.parametrize(
    "data", [b"\x30\x03\x30\x02\x05\x00", b"\x30\x04\x30\x01\x05\x00", b"\x30\x04\x30\x03\x05\x00"]
)
def test_what_does_not_fit_is_refused_by_whoever_looks_inside(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        list(read(data).only_child().children())


def nested(depth: int, form: Callable[[bytes], bytes]) -> bytes:
    data = writer.null()
    for _ in range(depth):
        data = form(data)
    return data


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_nesting_has_a_limit_in_ber(depth: int) -> None:
    data = nested(depth, lambda inner: indefinite(0x30, inner))
    if depth > MAX_DEPTH:
        with pytest.raises(MalformedMessage, match="deeper"):
            normalise(data)
    else:
        assert normalise(data)


def test_nesting_costs_nothing_in_der() -> None:
    data = nested(10_000, writer.sequence)
    assert normalise(data) is data


def test_size_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    monkeypatch.setattr(module, "MAX_BER_BYTES", 50)
    assert normalise(writer.octet_string(bytes(98)))
    with pytest.raises(MalformedMessage, match="more than 100 bytes"):
        normalise(writer.octet_string(bytes(99)))
    with pytest.raises(MalformedMessage, match="more than 50 bytes in BER"):
        normalise(indefinite(0x24, writer.octet_string(bytes(50))))


def test_very_many_pieces_are_refused() -> None:
    with pytest.raises(MalformedMessage, match="elements in BER"):
        normalise(indefinite(0x24, b"\x04\x00" * module.MAX_BER_ELEMENTS))


def test_deep_unclosed_nesting_is_refused_at_its_depth() -> None:
    with pytest.raises(MalformedMessage, match="deeper"):
        normalise(b"\x30\x80" * 400_000)
