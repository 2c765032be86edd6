"""Reading BER and DER (X.690): one element, its children, and the walk over a SEQUENCE's fields.

Everything a stranger sends passes `read`. Indefinite lengths and strings in pieces are rewritten first, so
the rest of the house sees one form. The order of SETs and lengths with leading zeros stay as sent, because
signatures are verified over the bytes as sent.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.asn1.normalise import normalise
from shared.asn1.tags import CONSTRUCTED
from shared.errors import MalformedMessage


class Element(NamedTuple):
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
            raise MalformedMessage(f"tag {self.tag:#04x} is not a constructed element")
        return _elements(self.encoded, self.header)

    def only_child(self) -> Element:
        """The one element inside an explicit tag. Raises MalformedMessage."""
        children = self.children()
        if len(children) != 1:
            raise MalformedMessage(f"{len(children)} elements where one was expected")
        return children[0]

    def expect(self, tag: int) -> Element:
        """This element if it has the identifier octet `tag`, else MalformedMessage."""
        if self.tag != tag:
            raise MalformedMessage(f"tag {self.tag:#04x} where {tag:#04x} was expected")
        return self


def read(data: bytes) -> Element:
    """The single element that fills `data` exactly; BER is accepted. Raises MalformedMessage."""
    return read_der(normalise(data))


def read_der(data: bytes) -> Element:
    """As `read`, for bytes that were normalised before (slices of elements): BER forms are not looked for."""
    elements = _elements(data, 0)
    if len(elements) != 1:
        raise MalformedMessage(f"{len(elements)} elements where one was expected")
    return elements[0]


def span(data: bytes, position: int) -> tuple[int, int, int]:
    """Identifier octet, begin and end of the contents of the element at `position`, in DER; nothing is copied.

    For what is too large to be cut into slices. Raises MalformedMessage.
    """
    try:
        tag, length = data[position], data[position + 1]
    except IndexError:
        raise MalformedMessage("the element ends inside its header") from None
    start = position + 2
    if length >= 0x80:
        first, start = start, start + (length & 0x7F)
        length = int.from_bytes(data[first:start], "big")
        if start - first == 0 or length < 0x80 or not data[first]:
            raise MalformedMessage("a length that is not in its minimal form")
    if start + length > len(data) or tag & 0x1F == 0x1F:
        raise MalformedMessage("an element that cannot be")
    return tag, start, start + length


class Fields:
    """A walk over the fields of a constructed element, in order, with optional ones."""

    __slots__ = ("_children", "_position")

    def __init__(self, element: Element) -> None:
        self._children = element.children()
        self._position = 0

    def take(self, *tags: int) -> Element:
        """The next field; with `tags`, its identifier octet must be one of them. Raises MalformedMessage."""
        try:
            element = self._children[self._position]
        except IndexError:
            raise MalformedMessage("a field is missing") from None
        if tags and element.tag not in tags:
            raise MalformedMessage(f"tag {element.tag:#04x} where {tags[0]:#04x} was expected")
        self._position += 1
        return element

    def optional(self, *tags: int) -> Element | None:
        """The next field if its identifier octet is one of `tags`, else None and no move."""
        if self._position < len(self._children):
            element = self._children[self._position]
            if element.tag in tags:
                self._position += 1
                return element
        return None

    def more(self) -> bool:
        """Whether a field is left."""
        return self._position < len(self._children)

    def finish(self) -> None:
        """Raises MalformedMessage if fields are left over."""
        if self._position != len(self._children):
            raise MalformedMessage("more fields than the structure has")


def _elements(data: bytes, position: int) -> list[Element]:
    """The elements that fill `data` from `position` on; every header is checked, whoever cut the slice."""
    # A message has hundreds of elements, and most of an enrolment's own time is spent here: no calls but those needed.
    found: list[Element] = []
    make, kind, keep = tuple.__new__, Element, found.append
    size = len(data)
    try:
        while position < size:
            tag = data[position]
            length = data[position + 1]
            start = position + 2
            if length >= 0x80:
                if length == 0x80:
                    raise MalformedMessage("an indefinite length where BER forms were rewritten")
                first, start = start, start + (length & 0x7F)
                length = int.from_bytes(data[first:start], "big")
            if tag & 0x1F == 0x1F:
                raise MalformedMessage("an identifier that cannot be")
            end = start + length
            keep(make(kind, (tag, data[position:end], start - position)))
            position = end
    except IndexError:
        raise MalformedMessage("the element ends inside its header") from None
    if position != size:
        raise MalformedMessage("the element is longer than its container")
    return found
