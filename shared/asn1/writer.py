"""Writing DER (X.690 10, 11). Every function returns a whole element as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from shared.asn1 import tags

_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def tlv(tag: int, contents: bytes) -> bytes:
    """One element with identifier octet `tag` and a length in its minimal form (X.690 10.1)."""
    length = len(contents)
    if length < 0x80:
        return bytes((tag, length)) + contents
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return b"%c%c%b%b" % (tag, 0x80 | len(octets), octets, contents)


def header(tag: int, length: int) -> bytes:
    """What `tlv` puts before `length` octets of contents: for those that are too large to be copied into it."""
    if length < 0x80:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


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
    octets = bytearray()
    width = 0
    for position in positions:
        octets.extend(bytes(max(0, position // 8 + 1 - len(octets))))
        octets[position // 8] |= 0x80 >> position % 8
        width = max(width, position + 1)
    return bit_string(bytes(octets), -width % 8)


def octet_string(octets: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(tags.OCTET_STRING, octets)


def null() -> bytes:
    """NULL."""
    return b"\x05\x00"


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted form. Raises ValueError if it is none."""
    arcs = [int(arc) for arc in dotted.split(".")] if _OID.fullmatch(dotted) else []
    if not arcs or (arcs[0] < 2 and arcs[1] > 39):
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
    """Time as RFC 5280 4.1.2.5 demands: UTCTime through 2049, GeneralizedTime from 2050, seconds, Z.

    Raises ValueError for a moment without a time zone.
    """
    moment = _utc(moment)
    if 1950 <= moment.year < 2050:
        return tlv(tags.UTC_TIME, _stamp(moment)[2:])
    return generalized_time(moment)


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in UTC, whole seconds. Raises ValueError for a moment without a time zone."""
    return tlv(tags.GENERALIZED_TIME, _stamp(_utc(moment)))


def _stamp(moment: datetime) -> bytes:
    # Not strftime, which takes five times as long.
    date, time = (moment.year, moment.month, moment.day), (moment.hour, moment.minute, moment.second)
    return b"%04d%02d%02d%02d%02d%02dZ" % (*date, *time)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC)
