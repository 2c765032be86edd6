"""Reading BER and DER (X.690): one element, its children, and the walk over a SEQUENCE's fields.

Everything a stranger sends passes `read`. BER forms (indefinite and non-minimal lengths, strings in pieces) are
rewritten to definite lengths first, so the rest of the house sees one form; the order of SETs is left as sent,
because signatures are verified over the bytes as sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.asn1.normalise import normalise
from shared.asn1.tags import CONSTRUCTED
from shared.errors import MalformedMessage


@dataclass(frozen=True, slots=True)
class Element:
    """One TLV. `encoded` is the whole slice, `header` the length of its identifier and length octets."""

    tag: int
    encoded: bytes
    header: int

    @property
    def contents(self) -> bytes:
        """The contents octets."""
        return self.encoded[self.header :]

    def children(self) -> list[Element]:
        """The elements inside a constructed element, in the order sent. Raises MalformedMessage."""
        if not self.tag & CONSTRUCTED:
            raise MalformedMessage(f"tag {self.tag:#04x} is primitive where a constructed element was expected")
        found = []
        position, data = self.header, self.encoded
        while position < len(data):
            element = _element_at(data, position)
            found.append(element)
            position += len(element.encoded)
        return found

    def expect(self, tag: int) -> Element:
        """This element if it has the identifier octet `tag`, else MalformedMessage."""
        if self.tag != tag:
            raise MalformedMessage(f"tag {self.tag:#04x} where {tag:#04x} was expected")
        return self


def read(data: bytes) -> Element:
    """The single element that fills `data` exactly; BER is accepted. Raises MalformedMessage."""
    element = _element_at(normalise(data), 0)
    return element


def read_der(data: bytes) -> Element:
    """As `read`, for bytes that were normalised before (a slice of an element): no second look for BER forms."""
    element = _element_at(data, 0)
    if len(element.encoded) != len(data):
        raise MalformedMessage("bytes after the end of the element")
    return element


class Fields:
    """A walk over the fields of a constructed element, in order, with optional ones."""

    __slots__ = ("_children", "_position")

    def __init__(self, element: Element) -> None:
        self._children = element.children()
        self._position = 0

    def take(self, *tags: int) -> Element:
        """The next field; with `tags`, only if its identifier octet is one of them. Raises MalformedMessage."""
        if self._position >= len(self._children):
            raise MalformedMessage("a field is missing")
        element = self._children[self._position]
        if tags and element.tag not in tags:
            raise MalformedMessage(f"tag {element.tag:#04x} where {tags[0]:#04x} was expected")
        self._position += 1
        return element

    def optional(self, *tags: int) -> Element | None:
        """The next field if its identifier octet is one of `tags`, else None and no move."""
        if self._position < len(self._children) and self._children[self._position].tag in tags:
            self._position += 1
            return self._children[self._position - 1]
        return None

    def finish(self) -> None:
        """Raises MalformedMessage if fields are left over."""
        if self._position != len(self._children):
            raise MalformedMessage("more fields than the structure has")


def _element_at(data: bytes, position: int) -> Element:
    # Normalised input: low tag numbers, definite minimal lengths. The checks stay, slices come from anywhere.
    try:
        tag, length = data[position], data[position + 1]
        start = position + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[start : start + count], "big")
            start += count
    except IndexError:
        raise MalformedMessage("the element ends inside its header") from None
    end = start + length
    if end > len(data):
        raise MalformedMessage("the element is longer than its container")
    return Element(tag, data[position:end], start - position)
