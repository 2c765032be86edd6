"""Reading extension values (RFC 5280 4.2.1): usages, constraints, key identifiers.

Each reader raises MalformedMessage.
"""

from __future__ import annotations

from typing import Final

from shared.asn1 import tags, values
from shared.asn1.reader import Fields, read
from shared.errors import MalformedMessage

# In the order of their bits (RFC 5280 4.2.1.3)
KEY_USAGES: Final = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


def parse_key_usage(value: bytes) -> frozenset[str]:
    """The names of the usages; bits without a name are left out."""
    positions = values.named_bits(read(value))
    return frozenset(name for position, name in enumerate(KEY_USAGES) if position in positions)


def parse_extended_key_usage(value: bytes) -> tuple[str, ...]:
    """The purposes as dotted identifiers, in the order sent."""
    return tuple(values.oid(child) for child in read(value).expect(tags.SEQUENCE).children())


def parse_basic_constraints(value: bytes) -> tuple[bool, int | None]:
    """Whether it is a CA, and its path length if limited."""
    fields = Fields(read(value).expect(tags.SEQUENCE))
    flag = fields.optional(tags.BOOLEAN)
    limit = fields.optional(tags.INTEGER)
    fields.finish()
    length = values.integer(limit) if limit else None
    if length is not None and length < 0:
        raise MalformedMessage("a negative path length")
    return flag is not None and any(flag.contents), length


def parse_subject_key_identifier(value: bytes) -> bytes:
    """The key identifier."""
    return values.octets(read(value))


def parse_authority_key_identifier(value: bytes) -> bytes | None:
    """The key identifier, None if the issuer is named another way."""
    key_id = Fields(read(value).expect(tags.SEQUENCE)).optional(tags.context(0, constructed=False))
    return key_id.contents if key_id else None
