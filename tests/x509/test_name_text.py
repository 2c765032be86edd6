"""Names as text: RFC 4514 and how people write it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import tags, writer
from shared.errors import MalformedMessage
from shared.x509.names import SHORT_NAMES, Name


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("CN=a", [("CN", "a")]),
        ("CN=a,O=b", [("O", "b"), ("CN", "a")]),
        ("cn = a , o = b ", [("O", "b"), ("CN", "a")]),
        ("CN=a;O=b", [("O", "b"), ("CN", "a")]),
        (r"CN=a\, b", [("CN", "a, b")]),
        (r"CN=a\+b", [("CN", "a+b")]),
        (r"CN=a\2Cb", [("CN", "a,b")]),
        (r"CN=\C4\8C", [("CN", "Č")]),
        (r"CN=\#a", [("CN", "#a")]),
        (r"CN=\ a\ ", [("CN", " a ")]),
        (r"CN=a\\b", [("CN", "a\\b")]),
        (r"CN=a\"b\"", [("CN", 'a"b"')]),
        ('CN="a, b+c; d"', [("CN", "a, b+c; d")]),
        (r'CN=" a\" "', [("CN", ' a" ')]),
        ("CN=", [("CN", "")]),
        ("CN=#0c0161", [("CN", "a")]),
        ("2.5.4.3=a", [("CN", "a")]),
        ("emailAddress=a@b,SERIALNUMBER=7", [("serialNumber", "7"), ("E", "a@b")]),
        ("S=x,G=y", [("GN", "y"), ("ST", "x")]),
        ("CN=a=b", [("CN", "a=b")]),
    ],
)  # fmt: skip
def test_text_as_people_write_it(text: str, values: list[tuple[str, str]]) -> None:
    assert Name.from_text(text).same_as(Name.build(values))


@pytest.mark.parametrize(
    ("text", "position"),
    [("CN", 1), ("=a", 1), ("CN=a,", 6), ("CN=a,,O=b", 6), ('CN="a', 1), ('CN=a"b', 1), ("CN=a,b", 6)],
)
def test_text_that_is_none_says_where(text: str, position: int) -> None:
    with pytest.raises(MalformedMessage, match=f"from character {position} on"):
        Name.from_text(text)


@pytest.mark.parametrize(
    "text", [r"CN=a\qb", r"CN=\ff", "CN=#0", "CN=#0c02", "unknown=a", "9.9=a", "1=a", "C=č", "E=č", "C=a_b"]
)
def test_text_that_cannot_be_encoded(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Name.from_text(text)


def test_the_examples_of_rfc_4514() -> None:
    name = Name.from_text(r"UID=jsmith,DC=example,DC=net")
    assert name.values("DC") == ("net", "example")
    assert Name.from_text(r"OU=Sales+CN=J.  Smith,DC=example,DC=net").values("CN") == ("J.  Smith",)
    assert Name.from_text(r"CN=James \"Jim\" Smith\, III,DC=net").values("CN") == ('James "Jim" Smith, III',)
    assert Name.from_text(r"CN=Before\0dAfter,DC=net").text() == r"CN=Before\0dAfter,DC=net"
    assert Name.from_text("1.3.6.1.4.1.1466.0=#04024869").text() == "1.3.6.1.4.1.1466.0=#04024869"
    assert Name.from_text(r"CN=Lu\C4\8Di\C4\87").text() == "CN=Lučić"


def test_a_text_of_nothing_but_spaces_and_backslashes_is_read_in_linear_time() -> None:
    with pytest.raises(MalformedMessage):
        Name.from_text("CN=" + " " * 200_000 + '"')


_STRINGS = {
    tags.UTF8_STRING: "utf-8",
    tags.PRINTABLE_STRING: "latin-1",
    tags.T61_STRING: "latin-1",
    tags.IA5_STRING: "latin-1",
    tags.BMP_STRING: "utf-16-be",
    tags.UNIVERSAL_STRING: "utf-32-be",
}


@st.composite
def attributes(draw: st.DrawFn) -> bytes:
    """An AttributeTypeAndValue with any string, or what is none."""
    kind = draw(st.sampled_from([*SHORT_NAMES.values(), "1.2.3.4"]))
    if draw(st.integers(0, 9)) == 0:
        return writer.sequence(writer.oid(kind), writer.integer(draw(st.integers())))
    tag = draw(st.sampled_from(list(_STRINGS)))
    alphabet = st.sampled_from('aZ09 ,+"\\<>;=#\n\x00\x7f.ÿ') | st.characters(
        max_codepoint=0xFF, codec="latin-1"
    )
    return writer.sequence(
        writer.oid(kind), writer.tlv(tag, draw(st.text(alphabet, max_size=8)).encode(_STRINGS[tag]))
    )


@given(st.lists(st.lists(attributes(), min_size=1, max_size=2), max_size=3))
def test_a_text_stands_for_one_meaning_whatever_was_encoded(rdns: list[list[bytes]]) -> None:
    """Who compares texts first, as the sealed challenge does, accepts nothing that comparing names would not."""
    name = Name.from_der(writer.sequence(*map(writer.set_of, rdns)))
    with suppress(MalformedMessage):  # a value that its type cannot hold
        assert Name.from_text(name.text()).same_as(name)
