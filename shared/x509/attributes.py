"""Attributes of distinguished names (RFC 5280 4.1.2.4): types, encoding, and what a value means (7.1).

Only `names` and `name_text` need this module; everybody else takes `Attribute` and `SHORT_NAMES` from there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element
from shared.errors import MalformedMessage

SHORT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CN": oids.COMMON_NAME,
        "O": oids.ORGANIZATION,
        "OU": oids.ORGANIZATIONAL_UNIT,
        "C": oids.COUNTRY,
        "L": oids.LOCALITY,
        "ST": oids.STATE_OR_PROVINCE,
        "STREET": oids.STREET_ADDRESS,
        "DC": oids.DOMAIN_COMPONENT,
        "UID": oids.USER_ID,
        "E": oids.EMAIL_ADDRESS,
        "serialNumber": oids.SERIAL_NUMBER,
        "SN": oids.SURNAME,
        "GN": oids.GIVEN_NAME,
        "title": oids.TITLE,
        "initials": oids.INITIALS,
        "generationQualifier": oids.GENERATION_QUALIFIER,
        "dnQualifier": oids.DN_QUALIFIER,
        "pseudonym": oids.PSEUDONYM,
        "name": oids.NAME,
        "description": oids.DESCRIPTION,
        "businessCategory": oids.BUSINESS_CATEGORY,
        "postalCode": oids.POSTAL_CODE,
        "telephoneNumber": oids.TELEPHONE_NUMBER,
        "organizationIdentifier": oids.ORGANIZATION_IDENTIFIER,
        "unstructuredName": oids.UNSTRUCTURED_NAME,
        "unstructuredAddress": oids.UNSTRUCTURED_ADDRESS,
    }
)
_ALIASES: Final = {
    "commonname": "CN",
    "organization": "O",
    "organizationname": "O",
    "organizationalunitname": "OU",
    "countryname": "C",
    "localityname": "L",
    "s": "ST",
    "stateorprovincename": "ST",
    "streetaddress": "STREET",
    "domaincomponent": "DC",
    "userid": "UID",
    "email": "E",
    "emailaddress": "E",
    "surname": "SN",
    "g": "GN",
    "givenname": "GN",
    "t": "title",
}
_OIDS: Final = {
    **{name.lower(): oid for name, oid in SHORT_NAMES.items()},
    **{alias: SHORT_NAMES[name] for alias, name in _ALIASES.items()},
}
_NAMES: Final = {oid: name for name, oid in SHORT_NAMES.items()}
_STRINGS: Final = frozenset(
    {
        tags.UTF8_STRING,
        tags.NUMERIC_STRING,
        tags.PRINTABLE_STRING,
        tags.T61_STRING,
        tags.IA5_STRING,
        tags.VISIBLE_STRING,
        tags.UNIVERSAL_STRING,
        tags.BMP_STRING,
    }
)
_DOTTED: Final = re.compile(r"[0-2](\.(0|[1-9]\d{0,38}))+", re.ASCII)
_PRINTABLE: Final = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")
# RFC 5280 appendix A and X.520 allow these types no other string
_PRINTABLE_ONLY: Final = frozenset(
    {oids.COUNTRY, oids.SERIAL_NUMBER, oids.DN_QUALIFIER, oids.TELEPHONE_NUMBER}
)
_IA5_ONLY: Final = frozenset({oids.EMAIL_ADDRESS, oids.DOMAIN_COMPONENT})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One AttributeTypeAndValue. `tag` is the identifier octet of the value as encoded.

    `value` is its text; of a value that is no character string, `#` and its DER in hexadecimal, as in
    RFC 4514 2.4. `encoded` is the DER of the value.
    """

    oid: str
    value: str
    tag: int
    encoded: bytes = field(repr=False)

    @classmethod
    def from_element(cls, element: Element) -> Attribute:
        """Raises MalformedMessage."""
        pair = element.expect(tags.SEQUENCE).children()
        if len(pair) != 2:
            raise MalformedMessage("an attribute that is not a type and a value")
        value = pair[1]
        text = values.text(value) if value.tag in _STRINGS else "#" + value.encoded.hex()
        return cls(values.oid(pair[0]), text, value.tag, value.encoded)

    @property
    def is_text(self) -> bool:
        """Whether the value is a character string."""
        return self.tag in _STRINGS

    def meaning(self) -> tuple[str, bool, str]:
        """Equal for two attributes that mean the same: string types, case and white space do not count."""
        return self.oid, self.is_text, prepare(self.value)


def prepare(text: str) -> str:
    """The form in which texts are compared: RFC 4518 as far as RFC 5280 7.1 asks for it."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def attribute_oid(kind: str) -> str:
    """The dotted identifier of a short name, in any case, or of itself. Raises MalformedMessage."""
    oid = _OIDS.get(kind.lower())
    if oid is not None:
        return oid
    if not _DOTTED.fullmatch(kind):
        raise MalformedMessage(f"{kind!r} is not an attribute type")
    return kind


def short_name(oid: str) -> str | None:
    """The short name of an attribute type, None if it has none."""
    return _NAMES.get(oid)


def encode_value(oid: str, value: str) -> bytes:
    """DER of a value in the string type that RFC 5280 has, UTF8String where it leaves a choice.

    Raises MalformedMessage if the value does not fit the type.
    """
    try:
        if oid in _PRINTABLE_ONLY:
            if not _PRINTABLE.fullmatch(value):
                raise MalformedMessage(f"a {_NAMES[oid]} that is not a PrintableString")
            return writer.printable_string(value)
        return writer.ia5_string(value) if oid in _IA5_ONLY else writer.utf8_string(value)
    except UnicodeEncodeError:
        raise MalformedMessage(f"a {_NAMES.get(oid, oid)} with characters its type cannot hold") from None


def encode_attribute(oid: str, value: bytes) -> bytes:
    """AttributeTypeAndValue around the DER of a value."""
    try:
        return writer.sequence(writer.oid(oid), value)
    except ValueError:
        raise MalformedMessage(f"{oid!r} is not an object identifier") from None
