"""Damage to messages: what a stranger, or a bad line, may send."""

from __future__ import annotations

from random import Random


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
