"""Changes to DER that a stranger or a bad line may make: anywhere, or somewhere down its tree with lengths that fit."""

from __future__ import annotations

import random
from collections.abc import Callable

from shared.asn1 import tags, writer
from shared.asn1.reader import Element, read_der
from shared.errors import MalformedMessage

TAGS = bytes(
    [0x00, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x1E, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0xFF]
)


def flip(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def replace(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] = source.choice(TAGS)


def cut(data: bytearray, source: random.Random) -> None:
    del data[source.randrange(len(data)) :]


def drop(data: bytearray, source: random.Random) -> None:
    at = source.randrange(len(data))
    del data[at : at + source.randrange(1, 9)]


def insert(data: bytearray, source: random.Random) -> None:
    at = source.randrange(len(data))
    data[at:at] = source.randbytes(source.randrange(1, 9))


def repeat(data: bytearray, source: random.Random) -> None:
    at, length = source.randrange(len(data)), source.randrange(1, 65)
    data[at:at] = data[at : at + length]


def swap(data: bytearray, source: random.Random) -> None:
    one, other = source.randrange(len(data)), source.randrange(len(data))
    length = source.randrange(1, 33)
    data[one : one + length], data[other : other + length] = (
        data[other : other + length],
        data[one : one + length],
    )


CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip,
    flip,
    replace,
    cut,
    drop,
    insert,
    repeat,
    swap,
)


def mutated(data: bytes, source: random.Random) -> bytes:
    """`data` with one to three changes."""
    changed = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        if changed:
            source.choice(CHANGES)(changed, source)
    return bytes(changed)


def mutated_inside(data: bytes, source: random.Random) -> bytes:
    """DER with one change somewhere down its tree, and lengths that fit again: it gets past the first readers."""
    element = read_der(data)
    parts = [child.encoded for child in _children(element)]
    if not parts or source.randrange(8) == 0:
        tag = source.choice((element.tag, element.tag, element.tag, *TAGS))
        return writer.tlv(tag, mutated(element.contents, source))
    at = source.randrange(len(parts))
    fate = source.randrange(16)
    if fate < 3:
        parts[at : at + 1] = [[], parts[at : at + 1] * 2, [*parts[at + 1 : at + 2], parts[at]]][fate]
    else:
        parts[at] = mutated_inside(parts[at], source)
    return writer.tlv(element.tag, b"".join(parts))


def _children(element: Element) -> list[Element]:
    if element.tag & tags.CONSTRUCTED:
        return element.children()
    if element.tag != tags.OCTET_STRING:
        return []
    try:
        return [read_der(element.contents)]  # the value of an extension
    except MalformedMessage:
        return []
