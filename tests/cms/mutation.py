"""Damage to messages: what a stranger, or a bad line, may send."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from shared.asn1.reader import Element, read
from shared.asn1.tags import CONSTRUCTED
from shared.asn1.writer import tlv


def mutate(message: bytes, random: Random) -> bytes:
    """`message` with one to three changes: bytes altered, cut out, doubled, moved, or its end lost."""
    data = bytearray(message)
    for _ in range(random.randint(1, 3)):
        if not data:
            break
        at = random.randrange(len(data))
        size = random.choice((1, 2, 4, random.randint(1, 400)))
        piece = data[at : at + size]
        match random.randrange(7):
            case 0:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                data[at] = random.choice((0x00, 0x30, 0x31, 0x80, 0x84, 0x24, 0xA0, 0xFF))
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = piece
            case 4:
                data[random.randrange(len(data)) :] = piece
            case 5:
                data[at : at + size] = random.randbytes(size)
            case _:
                del data[at:]
    return bytes(data)


def rearrange(message: bytes, random: Random) -> bytes:
    """`message` with well-formed changes: an element lost, doubled, emptied, retagged, or another in its place."""
    root = read(message)
    donors = list(_descendants(root))
    return _rearranged(root, random.randrange(len(donors)), donors, random)[0]


def _descendants(element: Element) -> Iterator[Element]:
    yield element
    if element.tag & CONSTRUCTED:
        for child in element.children():
            yield from _descendants(child)


def _rearranged(element: Element, target: int, donors: list[Element], random: Random) -> tuple[bytes, int]:
    """(the element with its descendant number `target` changed, how many elements it has)."""
    if target == 0:
        return _changed(element, random.choice(donors), random), sum(1 for _ in _descendants(element))
    seen, parts = 1, []
    for child in element.children() if element.tag & CONSTRUCTED else []:
        part, number = _rearranged(child, target - seen, donors, random)
        parts.append(part)
        seen += number
    return (tlv(element.tag, b"".join(parts)) if parts else element.encoded), seen


def _changed(element: Element, donor: Element, random: Random) -> bytes:
    match random.randrange(6):
        case 0:
            return b""
        case 1:
            return element.encoded * 2
        case 2:
            return tlv(element.tag, b"")
        case 3:
            return tlv(
                random.choice((0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31, 0x80, 0xA0, 0xA1)), element.contents
            )
        case 4:
            return donor.encoded
        case _:
            return tlv(element.tag, random.randbytes(random.randrange(40)))
