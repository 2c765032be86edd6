"""The values inside elements: integers, identifiers, text, times. Each raises MalformedMessage on what it cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from shared.asn1 import tags
from shared.asn1.reader import Element
from shared.errors import MalformedMessage

_CODECS = {
    tags.UTF8_STRING: "utf-8",
    tags.NUMERIC_STRING: "ascii",
    tags.PRINTABLE_STRING: "latin-1",  # `@` and `_` occur in the field: read them, let policy decide
    tags.T61_STRING: "latin-1",  # what every CA does with T.61 since the 1990s
    tags.IA5_STRING: "latin-1",
    tags.VISIBLE_STRING: "latin-1",
    tags.UNIVERSAL_STRING: "utf-32-be",
    tags.BMP_STRING: "utf-16-be",
}


def integer(element: Element) -> int:
    """The value of an INTEGER."""
    contents = element.expect(tags.INTEGER).contents
    if not contents:
        raise MalformedMessage("an INTEGER without octets")
    return int.from_bytes(contents, "big", signed=True)


def oid(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER."""
    return _dotted(element.expect(tags.OBJECT_IDENTIFIER).contents)


@lru_cache(maxsize=512)
def _dotted(contents: bytes) -> str:
    if not contents or contents[-1] & 0x80 or len(contents) > 64:
        raise MalformedMessage("an OBJECT IDENTIFIER that cannot be")
    arcs, value = [], 0
    for octet in contents:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def octets(element: Element) -> bytes:
    """The octets of an OCTET STRING."""
    return element.expect(tags.OCTET_STRING).contents


def bits(element: Element) -> bytes:
    """The octets of a BIT STRING whose length is a whole number of octets (keys, signatures)."""
    contents = element.expect(tags.BIT_STRING).contents
    if not contents or contents[0]:
        raise MalformedMessage("a BIT STRING that does not hold whole octets")
    return contents[1:]


def named_bits(element: Element) -> frozenset[int]:
    """The positions of the bits that are set in a named-bit list; bit 0 is the first."""
    contents = element.expect(tags.BIT_STRING).contents
    if not contents or contents[0] > 7 or len(contents) > 5:
        raise MalformedMessage("a named-bit list that cannot be")
    return frozenset(
        8 * index + bit for index, octet in enumerate(contents[1:]) for bit in range(8) if octet & 0x80 >> bit
    )


def is_text(element: Element) -> bool:
    """Whether the element is one of ASN.1's character strings."""
    return element.tag in _CODECS


def text(element: Element) -> str:
    """The text of any character string type (X.520 DirectoryString and its elders)."""
    codec = _CODECS.get(element.tag)
    if codec is None:
        raise MalformedMessage(f"tag {element.tag:#04x} is not a character string")
    try:
        return element.contents.decode(codec)
    except UnicodeDecodeError:
        raise MalformedMessage("a character string that is not in its own encoding") from None


def time(element: Element) -> datetime:
    """UTCTime or GeneralizedTime in the profile of RFC 5280 4.1.2.5 (UTC, seconds, no fraction)."""
    raw = element.contents
    try:
        stamp = raw.decode("ascii")
        if element.tag == tags.UTC_TIME and len(stamp) == 13:
            stamp = ("19" if int(stamp[:2]) >= 50 else "20") + stamp
        elif element.tag != tags.GENERALIZED_TIME:
            raise ValueError(stamp)
        return datetime.strptime(stamp, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedMessage("a time that is not UTC with seconds") from None
