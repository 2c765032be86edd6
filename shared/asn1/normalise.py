"""BER to definite lengths (X.690 8.1.3, 8.6.4, 8.7.3): only here are indefinite lengths and pieces known.

Input without them is recognised in one flat walk over the headers and returned as it is. What no BER form
touches stays byte for byte as sent (a certificate in an indefinite-length message, say), because signatures
are verified over the bytes as sent. The limits keep hostile input cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from shared.asn1.tags import BIT_STRING, CONSTRUCTED
from shared.asn1.writer import tlv
from shared.errors import MalformedMessage

MAX_DEPTH: Final = 32
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_BER_BYTES: Final = 1024 * 1024  # only messages come as BER, and rewriting costs more than looking
MAX_BER_ELEMENTS: Final = 20_000

_INDEFINITE: Final = 0x80
_STRING_TYPES: Final = (0x03, 0x04, 0x0C, *range(0x12, 0x1D), 0x1E)  # strings and times
_IN_PIECES: Final = frozenset(CONSTRUCTED | tag for tag in _STRING_TYPES)
_IMPOSSIBLE: Final = frozenset({0x00, *range(0x1F, 0x100, 0x20)})  # a stray end marker; tag numbers above 30
_PLAIN, _NESTED, _PIECES = 0, 1, 2
_KINDS: Final = bytes(
    0xFF if tag in _IMPOSSIBLE else _PIECES if tag in _IN_PIECES else _NESTED if tag & CONSTRUCTED else _PLAIN
    for tag in range(0x100)
)
_END_OF_CONTENTS: Final = b"\x00\x00"


def normalise(data: bytes) -> bytes:
    """`data` with definite lengths and whole strings; `data` itself if it is so. Raises MalformedMessage.

    Nothing inside primitive elements is looked at. Of what is returned as it is, whoever reads it checks that elements
    end where those around them do.
    """
    if len(data) > MAX_BYTES:
        raise MalformedMessage(f"more than {MAX_BYTES} bytes")
    try:
        return data if _is_definite(data) else _rewrite(data)
    except IndexError:
        raise MalformedMessage("the element ends inside its header") from None


def _is_definite(data: bytes) -> bool:
    """Whether no BER form is met. Raises MalformedMessage, and IndexError where the data ends in a header."""
    # Every message passes here with hundreds of headers: no calls, and nothing that reading does anyway.
    position, size, kinds = 0, len(data), _KINDS
    while position < size:
        kind = kinds[data[position]]
        length = data[position + 1]
        position += 2
        if length >= _INDEFINITE:
            if length == _INDEFINITE:
                return False
            first, position = position, position + (length & 0x7F)
            length = int.from_bytes(data[first:position], "big")
        if kind == _PLAIN:
            position += length
        elif kind == _PIECES:
            return False
        elif kind != _NESTED:
            raise MalformedMessage("an identifier that cannot be")
    if position != size or not size:
        raise MalformedMessage("the element is longer than the data")
    return True


def _long_length(data: bytes, position: int, first: int) -> tuple[int, int]:
    """(where the contents start, their length) for a length in its long form."""
    count = first & 0x7F
    return position + count, int.from_bytes(data[position : position + count], "big")


@dataclass(slots=True)
class _Frame:
    """A constructed element that is being rewritten; `end` is None until its end marker is met."""

    tag: int
    start: int
    end: int | None
    limit: int
    parts: list[bytes] = field(default_factory=list)
    changed: bool = False


def _rewrite(data: bytes) -> bytes:
    if len(data) > MAX_BER_BYTES:
        raise MalformedMessage(f"more than {MAX_BER_BYTES} bytes in BER")
    root = _Frame(0, 0, len(data), len(data))
    stack = [root]
    position = 0
    for _ in range(MAX_BER_ELEMENTS):
        position = _open_or_copy(data, position, stack)
        position = _close_finished(data, position, stack)
        if len(stack) == 1:
            if position != len(data):
                raise MalformedMessage("bytes after the end of the element")
            return root.parts[0]
    raise MalformedMessage(f"more than {MAX_BER_ELEMENTS} elements in BER")


def _open_or_copy(data: bytes, position: int, stack: list[_Frame]) -> int:
    """Take one header: a primitive element goes to its parent's parts, a constructed one becomes a frame."""
    start, parent = position, stack[-1]
    tag, length = data[position], data[position + 1]
    position += 2
    if tag in _IMPOSSIBLE:
        raise MalformedMessage("an identifier that cannot be")
    end: int | None = None
    if length != _INDEFINITE:
        if length > _INDEFINITE:
            position, length = _long_length(data, position, length)
        end = position + length
    if position > parent.limit or (end or 0) > parent.limit:
        raise MalformedMessage("the element is longer than its container")
    if tag & CONSTRUCTED:
        if len(stack) > MAX_DEPTH:
            raise MalformedMessage("nested deeper than any PKI message")
        changed = end is None or tag in _IN_PIECES
        stack.append(_Frame(tag, start, end, parent.limit if end is None else end, changed=changed))
        return position
    if end is None:
        raise MalformedMessage("an indefinite length on a primitive element")
    parent.parts.append(data[start:end])
    return end


def _close_finished(data: bytes, position: int, stack: list[_Frame]) -> int:
    """Close every frame that ends at `position`; returns where the next header is."""
    while len(stack) > 1:
        frame, parent = stack[-1], stack[-2]
        if frame.end is None and data[position : min(position + 2, frame.limit)] == _END_OF_CONTENTS:
            position += 2
        elif frame.end != position:
            return position
        stack.pop()
        parent.changed |= frame.changed
        parent.parts.append(_rebuild(frame) if frame.changed else data[frame.start : position])
    return position


def _rebuild(frame: _Frame) -> bytes:
    if frame.tag in _IN_PIECES:
        return tlv(frame.tag & ~CONSTRUCTED, _join(frame.tag & ~CONSTRUCTED, frame.parts))
    return tlv(frame.tag, b"".join(frame.parts))


def _join(tag: int, parts: list[bytes]) -> bytes:
    """The contents of a string sent in pieces; each piece has become a primitive element of the same type."""
    if any(part[0] != tag for part in parts):
        raise MalformedMessage("a string whose pieces are of another type")
    pieces = [part[2 + (part[1] & 0x7F if part[1] & 0x80 else 0) :] for part in parts]
    if tag != BIT_STRING:
        return b"".join(pieces)
    # X.690 8.6.4: each piece counts its unused bits; only the last may have any
    if not all(pieces) or any(piece[0] for piece in pieces[:-1]):
        raise MalformedMessage("a BIT STRING whose pieces do not fit together")
    unused = pieces[-1][:1] if pieces else b"\x00"
    return unused + b"".join(piece[1:] for piece in pieces)
