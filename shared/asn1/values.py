"""The values inside elements: integers, identifiers, text, times. Each raises MalformedMessage."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from shared.asn1 import tags
from shared.asn1.reader import Element
from shared.errors import MalformedMessage

_CODECS: Final = {
    tags.UTF8_STRING: "utf-8",
    tags.NUMERIC_STRING: "ascii",
    tags.PRINTABLE_STRING: "latin-1",  # `@` and `_` occur in the field: read them, let policy decide
    tags.T61_STRING: "latin-1",  # what every CA does with T.61 since the 1990s
    tags.IA5_STRING: "latin-1",
    tags.VISIBLE_STRING: "latin-1",
    tags.UNIVERSAL_STRING: "utf-32-be",
    tags.BMP_STRING: "utf-16-be",
}
_MAX_INTEGER: Final = 2049  # octets: the modulus of the largest RSA key OpenSSL takes
_TIME: Final = re.compile(rb"[0-9]{14}Z")


def boolean(element: Element) -> bool:
    """The value of a BOOLEAN; in BER any octet but zero is true (X.690 8.2.2)."""
    contents = element.expect(tags.BOOLEAN).contents
    if len(contents) != 1:
        raise MalformedMessage("a BOOLEAN that is not one octet")
    return contents != b"\x00"


def integer(element: Element) -> int:
    """The value of an INTEGER."""
    return _number(element.expect(tags.INTEGER).contents)


def enumerated(element: Element) -> int:
    """The value of an ENUMERATED."""
    return _number(element.expect(tags.ENUMERATED).contents)


def _number(contents: bytes) -> int:
    if not 0 < len(contents) <= _MAX_INTEGER:
        raise MalformedMessage("an INTEGER that cannot be")
    return int.from_bytes(contents, "big", signed=True)


def oid(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER."""
    return _dotted(element.expect(tags.OBJECT_IDENTIFIER).contents)


@lru_cache(maxsize=512)
def _dotted(contents: bytes) -> str:
    if not contents or contents[-1] & 0x80 or len(contents) > 64:
        raise MalformedMessage("an OBJECT IDENTIFIER that cannot be")
    arcs, value, first = [], 0, True
    for octet in contents:
        if first and octet == 0x80:  # X.690 8.19.2: else one identifier had many encodings
            raise MalformedMessage("an OBJECT IDENTIFIER with a padded arc")
        first = not octet & 0x80
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    root = min(arcs[0] // 40, 2)
    return ".".join(map(str, (root, arcs[0] - 40 * root, *arcs[1:])))


def octets(element: Element) -> bytes:
    """The octets of an OCTET STRING."""
    return element.expect(tags.OCTET_STRING).contents


def implicit_octets(element: Element) -> bytes:
    """The octets of an implicitly tagged OCTET STRING, whole or in pieces (X.690 8.7.3.2).

    An implicit tag hides the type, so `read` has left the pieces apart; it has joined pieces of pieces.
    """
    if element.tag & tags.CONSTRUCTED:
        return b"".join(octets(piece) for piece in element.children())
    return element.contents


def bits(element: Element) -> bytes:
    """The octets of a BIT STRING whose length is a whole number of octets (keys, signatures)."""
    contents = element.expect(tags.BIT_STRING).contents
    if not contents or contents[0]:
        raise MalformedMessage("a BIT STRING that does not hold whole octets")
    return contents[1:]


def named_bits(element: Element) -> frozenset[int]:
    """The positions of the bits that are set in a named-bit list; bit 0 is the first."""
    contents = element.expect(tags.BIT_STRING).contents
    if not contents or contents[0] > 7 or len(contents) > 5 or contents[0] > 8 * len(contents) - 8:
        raise MalformedMessage("a named-bit list that cannot be")
    width = 8 * len(contents) - 8 - contents[0]
    return frozenset(bit for bit in range(width) if contents[1 + bit // 8] & 0x80 >> bit % 8)


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
    stamp = element.contents
    if element.tag == tags.UTC_TIME:
        stamp = (b"19" if stamp >= b"50" else b"20") + stamp
    found = _TIME.fullmatch(stamp)
    if found is None or element.tag not in (tags.UTC_TIME, tags.GENERALIZED_TIME):
        raise MalformedMessage("a time that is not UTC with seconds")
    text = stamp.decode()
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    except ValueError:
        raise MalformedMessage("a time that is in no calendar") from None
