"""Writing DER (X.690 10, 11). Every function returns a whole element as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from shared.asn1 import tags
from shared.asn1.normalise import encode_length


def tlv(tag: int, contents: bytes) -> bytes:
    """One element with identifier octet `tag`."""
    return bytes((tag,)) + encode_length(len(contents)) + contents


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of whole elements."""
    return tlv(tags.SEQUENCE, b"".join(parts))


def set_of(parts: Iterable[bytes]) -> bytes:
    """SET OF whole elements, sorted as DER demands (X.690 11.6)."""
    return tlv(tags.SET, b"".join(sorted(parts)))


def context(number: int, contents: bytes, *, constructed: bool = True) -> bytes:
    """Context-specific tag `number`: explicit around whole elements, or implicit around contents octets."""
    return tlv(tags.context(number, constructed=constructed), contents)


def boolean(value: bool) -> bytes:
    """BOOLEAN."""
    return tlv(tags.BOOLEAN, b"\xff" if value else b"\x00")


def integer(value: int) -> bytes:
    """INTEGER in two's complement with the fewest octets."""
    length = value.bit_length() // 8 + 1 if value >= 0 else (value + 1).bit_length() // 8 + 1
    return tlv(tags.INTEGER, value.to_bytes(length, "big", signed=True))


def bit_string(octets: bytes, unused: int = 0) -> bytes:
    """BIT STRING of whole octets less `unused` bits at the end."""
    return tlv(tags.BIT_STRING, bytes((unused,)) + octets)


def named_bits(positions: Iterable[int]) -> bytes:
    """BIT STRING of a named-bit list: bit 0 first, trailing zero bits removed (X.690 11.2.2)."""
    bits = sum(1 << position for position in positions)
    if not bits:
        return bit_string(b"")
    width = bits.bit_length()
    octets = (width + 7) // 8
    reversed_bits = int(f"{bits:b}"[::-1], 2) << (octets * 8 - width)
    return bit_string(reversed_bits.to_bytes(octets, "big"), octets * 8 - width)


def octet_string(octets: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(tags.OCTET_STRING, octets)


def null() -> bytes:
    """NULL."""
    return b"\x05\x00"


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted form. Raises ValueError if it is none."""
    arcs = [int(arc) for arc in dotted.split(".")]
    if len(arcs) < 2 or arcs[0] > 2 or min(arcs) < 0 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError(f"not an object identifier: {dotted}")
    octets = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        octets.extend(reversed(groups))
    return tlv(tags.OBJECT_IDENTIFIER, bytes(octets))


def utf8_string(text: str) -> bytes:
    """UTF8String."""
    return tlv(tags.UTF8_STRING, text.encode())


def printable_string(text: str) -> bytes:
    """PrintableString; the caller keeps to its alphabet. Raises UnicodeEncodeError beyond ASCII."""
    return tlv(tags.PRINTABLE_STRING, text.encode("ascii"))


def ia5_string(text: str) -> bytes:
    """IA5String. Raises UnicodeEncodeError beyond ASCII."""
    return tlv(tags.IA5_STRING, text.encode("ascii"))


def time(moment: datetime) -> bytes:
    """Time as RFC 5280 4.1.2.5 demands: UTCTime through 2049, GeneralizedTime from 2050, seconds, Z."""
    moment = moment.astimezone(UTC)
    if 1950 <= moment.year < 2050:
        return tlv(tags.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(tags.GENERALIZED_TIME, f"{moment.year:04d}{moment:%m%d%H%M%SZ}".encode())


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in UTC without fractions."""
    moment = moment.astimezone(UTC)
    return tlv(tags.GENERALIZED_TIME, f"{moment.year:04d}{moment:%m%d%H%M%SZ}".encode())
