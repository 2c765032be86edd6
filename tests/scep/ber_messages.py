"""The forms that BER has beside DER and real stacks send, as changes to a whole message; each with its origin.

What a signature covers comes out as it was once the form is read away, or is left alone where it would not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.asn1 import tags
from shared.asn1.reader import Element, read_der
from shared.asn1.writer import tlv
from tests.asn1.ber_forms import indefinite, long_form

Change = Callable[[Element, bytes], bytes]
"""An element, and its contents with the change made in all that is inside."""


@dataclass(frozen=True)
class Form:
    """`origin` says who sends such a one, or which clause allows it. `stays` is for forms that are not read away, but
    taken as sent: what is signed keeps its own."""

    change: Change
    origin: str
    stays: bool = False

    def of(self, der: bytes, signed: frozenset[bytes] = frozenset()) -> bytes:
        """`der` in this form; elements in `signed` are left as they are where the form stays."""
        if self.stays and der in signed:
            return der
        element = read_der(der)
        contents = element.contents
        if element.tag & tags.CONSTRUCTED:
            contents = b"".join(self.of(child.encoded, signed) for child in element.children())
        return self.change(element, contents)


def _indefinite(element: Element, contents: bytes) -> bytes:
    return (indefinite if element.tag & tags.CONSTRUCTED else tlv)(element.tag, contents)


def _padded(element: Element, contents: bytes) -> bytes:
    return long_form(element.tag, contents)


def _pieces(size: int, around: Callable[[int, bytes], bytes]) -> Change:
    def change(element: Element, contents: bytes) -> bytes:
        if element.tag != tags.OCTET_STRING:
            return _indefinite(element, contents) if around is indefinite else tlv(element.tag, contents)
        return around(tags.OCTET_STRING | tags.CONSTRUCTED, _cut(contents, size))

    return change


def _sealed_in_pieces(element: Element, contents: bytes) -> bytes:
    """[0] IMPLICIT OCTET STRING: what is sealed, in pieces that show their own type (X.690 8.7.3.2)."""
    if element.tag == tags.context(0, constructed=False):
        return indefinite(tags.context(0), _cut(contents, 512))
    return tlv(element.tag, contents)


def _pieces_of_pieces(element: Element, contents: bytes) -> bytes:
    if element.tag != tags.OCTET_STRING:
        return tlv(element.tag, contents)
    inner = indefinite(tags.OCTET_STRING | tags.CONSTRUCTED, _cut(contents, 300))
    return tlv(tags.OCTET_STRING | tags.CONSTRUCTED, inner + tlv(tags.OCTET_STRING, b""))


def _cut(contents: bytes, size: int) -> bytes:
    cut = [contents[at : at + size] for at in range(0, len(contents), size)]
    return b"".join(tlv(tags.OCTET_STRING, piece) for piece in cut)


FORMS: Mapping[str, Form] = {
    "indefinite lengths": Form(_indefinite, "Apple; X.690 8.1.3.6"),
    "indefinite lengths and pieces of 1000 octets": Form(
        _pieces(1000, indefinite), "jscep, by BouncyCastle (tests/vectors/cms/bouncycastle-*.der)"
    ),
    "pieces in a string of definite length": Form(_pieces(128, tlv), "by hand: X.690 8.7.3.2"),
    "pieces of pieces, one of them empty": Form(_pieces_of_pieces, "by hand: X.690 8.7.3.2"),
    "sealed content in pieces": Form(
        _sealed_in_pieces,
        "OpenSSL `cms -encrypt -stream`; BouncyCastle (tests/vectors/cms/bouncycastle-*.der)",
    ),
    "lengths with leading zeros": Form(_padded, "by hand: X.690 8.1.3.5", stays=True),
}
