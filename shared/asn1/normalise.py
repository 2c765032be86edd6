"""BER to definite lengths (X.690 8.1.3, 8.6.4, 8.7.3): the only place that knows indefinite lengths and pieces.

DER input is recognised in one walk over the headers and returned as it is. The limits keep hostile input cheap.
"""

from __future__ import annotations

from shared.asn1.tags import BIT_STRING, CONSTRUCTED
from shared.errors import MalformedMessage

MAX_DEPTH = 32
MAX_BYTES = 8 * 1024 * 1024
_STRING_TYPES = frozenset({0x03, 0x04, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, 0x1C, 0x1E})
_END_OF_CONTENTS = b"\x00\x00"


def normalise(data: bytes) -> bytes:
    """`data` with definite, minimal lengths and whole strings. Raises MalformedMessage.

    Exactly one element must fill `data`. Nothing inside primitive elements is touched.
    """
    if len(data) > MAX_BYTES:
        raise MalformedMessage(f"more than {MAX_BYTES} bytes")
    pieces, end = _rewrite(data, 0, len(data), 0)
    if end != len(data):
        raise MalformedMessage("bytes after the end of the element")
    return pieces


def encode_length(length: int) -> bytes:
    """Length octets in their minimal form (X.690 10.1)."""
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def _rewrite(data: bytes, position: int, limit: int, depth: int) -> tuple[bytes, int]:
    """The element at `position`, rewritten, and where it ends in `data`."""
    if depth > MAX_DEPTH:
        raise MalformedMessage("nested deeper than any PKI message")
    tag, length, start = _header(data, position, limit)
    if length is None and not tag & CONSTRUCTED:
        raise MalformedMessage("an indefinite length on a primitive element")
    if not tag & CONSTRUCTED:
        end = start + (length or 0)
        return bytes((tag,)) + encode_length(end - start) + data[start:end], end
    end = limit if length is None else start + length
    parts, stop = _rewrite_children(data, start, end, depth, until_marker=length is None)
    if tag & 0xDF in _STRING_TYPES and tag < 0x40:
        tag, contents = tag & ~CONSTRUCTED, _join(tag & ~CONSTRUCTED, parts)
    else:
        contents = b"".join(parts)
    return bytes((tag,)) + encode_length(len(contents)) + contents, stop


def _rewrite_children(
    data: bytes, position: int, end: int, depth: int, *, until_marker: bool
) -> tuple[list[bytes], int]:
    parts = []
    while True:
        if until_marker and data[position : position + 2] == _END_OF_CONTENTS:
            return parts, position + 2
        if position >= end:
            if until_marker:
                raise MalformedMessage("an indefinite length without its end marker")
            return parts, position
        part, position = _rewrite(data, position, end, depth + 1)
        parts.append(part)


def _header(data: bytes, position: int, limit: int) -> tuple[int, int | None, int]:
    """(identifier octet, length or None when indefinite, where the contents start)."""
    if position + 2 > limit:
        raise MalformedMessage("the element ends inside its header")
    tag, first = data[position], data[position + 1]
    if tag & 0x1F == 0x1F:
        raise MalformedMessage("a tag number above 30")
    if tag == 0:
        raise MalformedMessage("an end marker outside an indefinite length")
    start = position + 2
    if first == 0x80:
        return tag, None, start
    length = first
    if first & 0x80:
        count = first & 0x7F
        if count > 8 or start + count > limit:
            raise MalformedMessage("a length that cannot be")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > limit:
        raise MalformedMessage("the element is longer than its container")
    return tag, length, start


def _join(tag: int, parts: list[bytes]) -> bytes:
    """The contents of a string sent in pieces; each piece is a primitive element of the same type."""
    contents = []
    for number, part in enumerate(parts, 1):
        if part[0] != tag:
            raise MalformedMessage("a string whose pieces are of another type")
        header = 2 + (part[1] & 0x7F if part[1] & 0x80 else 0)
        piece = part[header:]
        if tag == BIT_STRING:
            piece = _bit_piece(piece, last=number == len(parts))
        contents.append(piece)
    joined = b"".join(contents)
    return parts[-1][_header_size(parts[-1])].to_bytes(1, "big") + joined if tag == BIT_STRING and parts else joined


def _bit_piece(piece: bytes, *, last: bool) -> bytes:
    if not piece or (piece[0] and not last):
        raise MalformedMessage("a BIT STRING whose pieces do not fit together")
    return piece[1:]


def _header_size(encoded: bytes) -> int:
    return 2 + (encoded[1] & 0x7F if encoded[1] & 0x80 else 0)
