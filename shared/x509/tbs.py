"""What a certificate says (RFC 5280 4.1.2), read whatever its names are made of.

Others import it from `certificate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Final

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Fields, read_der
from shared.errors import MalformedMessage
from shared.x509.extension_values import (
    parse_authority_key_identifier,
    parse_basic_constraints,
    parse_extended_key_usage,
    parse_key_usage,
    parse_subject_key_identifier,
)
from shared.x509.extensions import parse_extensions
from shared.x509.general_names import GeneralName, parse_general_names
from shared.x509.names import Name
from shared.x509.public_key import PublicKey, load_public_key
from shared.x509.serial import serial_text

_MAX_SERIAL_BITS: Final = 512  # RFC 5280 says twenty octets, strangers use more


@dataclass(frozen=True)
class TBSCertificate:
    """What a certificate says; `tbs` is its DER. Key and extensions are read when asked for, and kept."""

    tbs: bytes = field(repr=False)
    serial: int = field(compare=False)
    signature_algorithm: bytes = field(compare=False, repr=False)
    issuer: Name = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    subject: Name = field(compare=False)
    spki: bytes = field(compare=False, repr=False)
    encoded_extensions: bytes | None = field(compare=False, repr=False)

    @property
    def serial_hex(self) -> str:
        """The serial's octets in lower-case hexadecimal."""
        return serial_text(self.serial)

    @cached_property
    def public_key(self) -> PublicKey:
        """The subject's key. Raises AlgorithmRefused, MalformedMessage."""
        return load_public_key(self.spki)

    @cached_property
    def key_hash(self) -> str:
        """Hexadecimal SHA-256 of the SubjectPublicKeyInfo."""
        return hashlib.sha256(self.spki).hexdigest()

    @cached_property
    def extensions(self) -> Mapping[str, tuple[bool, bytes]]:
        """By dotted identifier: critical, and the value. Raises MalformedMessage."""
        return parse_extensions(read_der(self.encoded_extensions or writer.sequence()))

    @cached_property
    def sans(self) -> tuple[GeneralName, ...]:
        """The names of the subjectAltName. Raises MalformedMessage."""
        value = self._value(oids.SUBJECT_ALTERNATIVE_NAME)
        return parse_general_names(value) if value is not None else ()

    @cached_property
    def key_usage(self) -> frozenset[str] | None:
        """RFC 5280's names of the key usages, None if unlimited. Raises MalformedMessage."""
        value = self._value(oids.KEY_USAGE)
        return parse_key_usage(value) if value is not None else None

    @cached_property
    def extended_key_usage(self) -> tuple[str, ...] | None:
        """The purposes as dotted identifiers, None if unlimited. Raises MalformedMessage."""
        value = self._value(oids.EXTENDED_KEY_USAGE)
        return parse_extended_key_usage(value) if value is not None else None

    @cached_property
    def basic_constraints(self) -> tuple[bool, int | None]:
        """Whether it is a CA certificate, and its path length if limited. Raises MalformedMessage."""
        value = self._value(oids.BASIC_CONSTRAINTS)
        return parse_basic_constraints(value) if value is not None else (False, None)

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says so. Raises MalformedMessage."""
        return self.basic_constraints[0]

    @cached_property
    def subject_key_identifier(self) -> bytes | None:
        """None if the certificate has none. Raises MalformedMessage."""
        value = self._value(oids.SUBJECT_KEY_IDENTIFIER)
        return parse_subject_key_identifier(value) if value is not None else None

    @cached_property
    def authority_key_identifier(self) -> bytes | None:
        """The issuer's key identifier, None if the certificate has none. Raises MalformedMessage."""
        value = self._value(oids.AUTHORITY_KEY_IDENTIFIER)
        return parse_authority_key_identifier(value) if value is not None else None

    def _value(self, oid: str) -> bytes | None:
        found = self.extensions.get(oid)
        return None if found is None else found[1]


@lru_cache(maxsize=64)
def parse_tbs(tbs: bytes) -> TBSCertificate:
    """What a TBSCertificate in DER says (RFC 5280 4.1.2). Raises MalformedMessage.

    The latest are kept with what was read of them: what is linted before it is signed is read back right afterwards.
    """
    whole = read_der(tbs)
    fields = Fields(whole.expect(tags.SEQUENCE))
    fields.optional(tags.context(0))
    serial, algorithm = values.integer(fields.take()), fields.take(tags.SEQUENCE)
    issuer, validity = fields.take(tags.SEQUENCE), Fields(fields.take(tags.SEQUENCE))
    not_before, not_after = values.time(validity.take()), values.time(validity.take())
    validity.finish()
    subject, spki = fields.take(tags.SEQUENCE), fields.take(tags.SEQUENCE)
    for number in (1, 2):  # unique identifiers, gone since RFC 3280
        fields.optional(tags.context(number, constructed=False))
    extensions = fields.optional(tags.context(3))
    fields.finish()
    if serial.bit_length() > _MAX_SERIAL_BITS:
        raise MalformedMessage("a serial number of absurd size")
    return TBSCertificate(
        tbs=whole.encoded,
        serial=serial,
        signature_algorithm=algorithm.encoded,
        issuer=Name.from_der(issuer.encoded),
        not_before=not_before,
        not_after=not_after,
        subject=Name.from_der(subject.encoded),
        spki=spki.encoded,
        encoded_extensions=extensions.only_child().encoded if extensions else None,
    )
