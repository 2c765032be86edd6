"""The other side of BER: DER turned into the forms that real stacks send (X.690 8.1.3.6, 8.7.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shared.asn1.reader import read_der
from shared.asn1.tags import BIT_STRING, CONSTRUCTED, OCTET_STRING
from shared.asn1.writer import tlv

Choose = Callable[[int], int]
"""`choose(n)` gives a number from 0 to n - 1; the caller decides how."""


def indefinite(tag: int, contents: bytes) -> bytes:
    """An element of indefinite length."""
    return bytes((tag, 0x80)) + contents + b"\x00\x00"


def long_form(tag: int, contents: bytes, octets: int = 4) -> bytes:
    """An element whose length is written with leading zeros."""
    return bytes((tag, 0x80 | octets)) + len(contents).to_bytes(octets, "big") + contents


def to_ber(der: bytes, choose: Choose) -> bytes:
    """`der` with some elements made indefinite and some strings cut into pieces."""
    element = read_der(der)
    if element.tag in (OCTET_STRING, BIT_STRING) and choose(2):
        return _in_pieces(element.tag, element.contents, choose)
    if not element.tag & CONSTRUCTED:
        return der
    contents = b"".join(to_ber(child.encoded, choose) for child in element.children())
    return indefinite(element.tag, contents) if choose(3) else tlv(element.tag, contents)


def streamed(der: bytes) -> bytes:
    """`der` as BouncyCastle streams it: everything indefinite, OCTET STRINGs in pieces of 1000 octets."""
    element = read_der(der)
    if element.tag == OCTET_STRING:
        cut = [element.contents[at : at + 1000] for at in range(0, len(element.contents), 1000)]
        return indefinite(OCTET_STRING | CONSTRUCTED, b"".join(tlv(OCTET_STRING, piece) for piece in cut))
    if not element.tag & CONSTRUCTED:
        return der
    return indefinite(element.tag, b"".join(streamed(child.encoded) for child in element.children()))


def _in_pieces(tag: int, contents: bytes, choose: Choose) -> bytes:
    unused = contents[:1] if tag == BIT_STRING else b""
    body = contents[len(unused) :]
    cut = list(_cut(body, choose)) or [b""]
    zero = b"\x00" if unused else b""
    pieces = [tlv(tag, zero + piece) for piece in cut[:-1]] + [tlv(tag, unused + cut[-1])]
    inner = choose(len(pieces))
    if choose(2):  # a piece may itself be in pieces
        pieces[inner] = tlv(tag | CONSTRUCTED, pieces[inner])
    joined = b"".join(pieces)
    return indefinite(tag | CONSTRUCTED, joined) if choose(2) else tlv(tag | CONSTRUCTED, joined)


def _cut(body: bytes, choose: Choose) -> Iterator[bytes]:
    while body:
        size = 1 + choose(len(body))
        yield body[:size]
        body = body[size:]
