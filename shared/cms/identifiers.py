"""How CMS points at a certificate: by issuer and serial number, or by key identifier (RFC 5652 5.3, 10.2.4).

Certificates are DER here; of their inside only what a pointer needs is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields, read_der
from shared.errors import MalformedMessage
from shared.keys import digests


@dataclass(frozen=True, slots=True)
class CertificateReference:
    """A pointer at a certificate: either `issuer` (Name, DER) and `serial`, or `key_identifier`."""

    issuer: bytes = b""
    serial: int = 0
    key_identifier: bytes = b""

    @classmethod
    def parse(cls, element: Element) -> CertificateReference:
        """SignerIdentifier or RecipientIdentifier. Raises MalformedMessage."""
        if element.tag & ~tags.CONSTRUCTED == tags.CONTEXT:
            return cls(key_identifier=_not_empty(values.implicit_octets(element)))
        fields = Fields(element.expect(tags.SEQUENCE))
        issuer = fields.take(tags.SEQUENCE).encoded
        serial = values.integer(fields.take())
        fields.finish()
        return cls(issuer, serial)

    def find(self, certificates: Sequence[bytes]) -> int | None:
        """The index of the certificate (DER) meant, or None. Raises MalformedMessage.

        Bytes first; then, since embedded stacks re-encode the strings of names, the one certificate with that
        serial whose issuer has the same meaning.
        """
        if self.key_identifier:
            keys = (subject_key_identifier(certificate) for certificate in certificates)
            return next((index for index, key in enumerate(keys) if key == self.key_identifier), None)
        issuers = {}
        for index, certificate in enumerate(certificates):
            issuer, serial = issuer_and_serial(certificate)
            if serial == self.serial and issuer == self.issuer:
                return index
            if serial == self.serial:
                issuers[index] = issuer
        wanted = _meaning(self.issuer) if issuers else None
        alike = [index for index, issuer in issuers.items() if wanted and _meaning(issuer) == wanted]
        return alike[0] if len(alike) == 1 else None


def _not_empty(key_identifier: bytes) -> bytes:
    if not key_identifier:
        raise MalformedMessage("an empty key identifier")
    return key_identifier


@lru_cache(maxsize=128)
def issuer_and_serial(certificate: bytes) -> tuple[bytes, int]:
    """(issuer Name as DER, serial number) of a certificate in DER. Raises MalformedMessage."""
    fields = _tbs_fields(certificate)
    serial = values.integer(fields.take())
    fields.take(tags.SEQUENCE)
    return fields.take(tags.SEQUENCE).encoded, serial


def issuer_and_serial_number(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber (DER) that points at `certificate`. Raises MalformedMessage."""
    issuer, serial = issuer_and_serial(certificate)
    return writer.sequence(issuer, writer.integer(serial))


def subject_key_identifier(certificate: bytes) -> bytes:
    """The certificate's key identifier: its extension, else the digest that RFC 5280 4.2.1.2 (1) gives.

    Raises MalformedMessage.
    """
    fields = _tbs_fields(certificate)
    for _ in ("serial", "signature", "issuer", "validity", "subject"):
        fields.take()
    spki = fields.take(tags.SEQUENCE)
    fields.optional(tags.context(1, constructed=False))
    fields.optional(tags.context(2, constructed=False))
    extensions = fields.optional(tags.context(3))
    for extension in extensions.only_child().children() if extensions else []:
        parts = Fields(extension)
        if values.oid(parts.take()) == oids.SUBJECT_KEY_IDENTIFIER:
            parts.optional(tags.BOOLEAN)
            return values.octets(read_der(values.octets(parts.take())))
    key = Fields(spki)
    key.take(tags.SEQUENCE)
    return digests.by_name("sha1").compute(values.bits(key.take()))


def _meaning(name: bytes) -> tuple[frozenset[tuple[str, str | bytes]], ...] | None:
    """What a Name (DER) says without string types, case and white space; None if it cannot be read."""
    try:
        return tuple(frozenset(map(_attribute, rdn.children())) for rdn in read_der(name).children())
    except MalformedMessage:
        return None


def _attribute(element: Element) -> tuple[str, str | bytes]:
    fields = Fields(element)
    oid, value = values.oid(fields.take()), fields.take()
    if not values.is_text(value):
        return oid, value.encoded
    return oid, " ".join(values.text(value).casefold().split())


def _tbs_fields(certificate: bytes) -> Fields:
    """The fields of a TBSCertificate from the serial number on."""
    fields = Fields(Fields(read_der(certificate).expect(tags.SEQUENCE)).take(tags.SEQUENCE))
    fields.optional(tags.context(0))
    return fields
