"""Distinguished names (RFC 5280 4.1.2.4): read as sent, built as PKIX wants them, shown as RFC 4514 text.

`encoded` is what goes into certificates: a requester's subject stays as it was sent, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from shared.asn1 import tags, writer
from shared.asn1.reader import Element, read
from shared.errors import MalformedMessage
from shared.x509.attributes import SHORT_NAMES, Attribute, attribute_oid, encode_attribute, encode_value
from shared.x509.name_text import format_rdns, parse_rdns

__all__ = ["SHORT_NAMES", "Attribute", "Name"]

_CACHED_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Name:
    """A sequence of RDNs, most significant first. Two are equal if their encodings are; see `same_as`."""

    encoded: bytes = field(repr=False)
    rdns: tuple[tuple[Attribute, ...], ...] = field(compare=False)

    @classmethod
    def from_der(cls, encoded: bytes) -> Name:
        """From the DER of a Name with any string types; BER forms become DER. Raises MalformedMessage."""
        # The same few issuers and devices come again; what is longer than any sane name is not worth keeping.
        return _cached_parse(encoded) if len(encoded) <= _CACHED_LENGTH else _parse(encoded)

    @classmethod
    def build(cls, pairs: Sequence[tuple[str, str]]) -> Name:
        """An RDN for each (short name or dotted type, value), in that order. Raises MalformedMessage."""
        return cls.build_rdns([[pair] for pair in pairs])

    @classmethod
    def build_rdns(cls, rdns: Sequence[Sequence[tuple[str, str]]]) -> Name:
        """The same with any number of attributes in each RDN. Raises MalformedMessage."""
        typed = [[(attribute_oid(kind), value) for kind, value in rdn] for rdn in rdns]
        return cls._of(
            [encode_attribute(oid, encode_value(oid, value)) for oid, value in rdn] for rdn in typed
        )

    @classmethod
    def from_text(cls, text: str) -> Name:
        """From RFC 4514 text: its first element becomes the last RDN. Raises MalformedMessage."""
        return cls._of(reversed(parse_rdns(text)))

    @classmethod
    def _of(cls, rdns: Iterable[Iterable[bytes]]) -> Name:
        return cls.from_der(writer.sequence(*map(writer.set_of, rdns)))

    def text(self) -> str:
        """RFC 4514 text. `from_text` reads it back if every value is in the string type `build` would use."""
        return _cached_text(self) if len(self.encoded) <= _CACHED_LENGTH else format_rdns(self.rdns)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Name({self.text()!r})"

    def attributes(self) -> Iterator[Attribute]:
        """All attributes, most significant first."""
        return (attribute for rdn in self.rdns for attribute in rdn)

    def values(self, kind: str) -> tuple[str, ...]:
        """The values of one type (short name or dotted), most significant first."""
        oid = attribute_oid(kind)
        return tuple(attribute.value for attribute in self.attributes() if attribute.oid == oid)

    def meaning(self) -> tuple[tuple[tuple[str, bool, str], ...], ...]:
        """A key that is equal for names that are the `same_as` each other."""
        return tuple(tuple(sorted(attribute.meaning() for attribute in rdn)) for rdn in self.rdns)

    def same_as(self, other: Name) -> bool:
        """Whether both name the same entity (RFC 5280 7.1).

        String types, case and surplus white space do not count, nor the order in an RDN; that of RDNs does.
        """
        return self.encoded == other.encoded or self.meaning() == other.meaning()


@lru_cache(maxsize=256)
def _cached_text(name: Name) -> str:
    return format_rdns(name.rdns)


def _parse(encoded: bytes) -> Name:
    element = read(encoded).expect(tags.SEQUENCE)
    return Name(element.encoded, tuple(_rdn(child) for child in element.children()))


_cached_parse = lru_cache(maxsize=1024)(_parse)


def _rdn(element: Element) -> tuple[Attribute, ...]:
    rdn = tuple(Attribute.from_element(child) for child in element.expect(tags.SET).children())
    if not rdn:
        raise MalformedMessage("a relative distinguished name without attributes")
    return rdn
