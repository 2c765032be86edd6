"""Certificates (RFC 5280 4.1): composed from raw slices, read whatever their names are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.asn1 import tags, values, writer
from shared.asn1.reader import Element, Fields, read, read_der
from shared.errors import MalformedMessage
from shared.keys import signatures
from shared.x509.extensions import Extension
from shared.x509.names import Name
from shared.x509.tbs import TBSCertificate, parse_tbs

__all__ = [
    "Certificate",
    "CertificateTemplate",
    "TBSCertificate",
    "assemble",
    "compose_tbs",
    "parse_tbs",
    "verify_signature",
]

_VERSION_3: Final = writer.context(0, writer.integer(2))
_MAX_SERIAL_BITS: Final = 159  # twenty octets, and the first bit is the sign (RFC 5280 4.1.2.2)


@dataclass(frozen=True, slots=True)
class CertificateTemplate:
    """Everything of a TBSCertificate but serial and issuer. Valid when made: ValueError otherwise."""

    subject: Name
    spki: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    extensions: tuple[Extension, ...]

    def __post_init__(self) -> None:
        if self.not_before.tzinfo is None or self.not_after.tzinfo is None:
            raise ValueError("a validity needs aware times")
        if self.not_before >= self.not_after:
            raise ValueError("a validity that ends before it begins")
        if len({extension.oid for extension in self.extensions}) != len(self.extensions):
            raise ValueError("an extension occurs twice")


@dataclass(frozen=True)
class Certificate(TBSCertificate):
    """A certificate as it was signed: `der` is the whole, `signature` the octets of its BIT STRING."""

    der: bytes = field(repr=False)
    signature: bytes = field(compare=False, repr=False)

    @classmethod
    def from_der(cls, der: bytes) -> Certificate:
        """Raises MalformedMessage. Neither signature nor key is looked at, nor validity."""
        return cls._from_element(read(der))

    @classmethod
    def from_slice(cls, der: bytes) -> Certificate:
        """The same for bytes that were cut out of what was read, or composed here: BER forms are not looked for."""
        return cls._from_element(read_der(der))

    @classmethod
    def _from_element(cls, whole: Element) -> Certificate:
        parts = Fields(whole.expect(tags.SEQUENCE))
        tbs, algorithm, signature = parts.take(tags.SEQUENCE), parts.take(tags.SEQUENCE), parts.take()
        parts.finish()
        contents = parse_tbs(tbs.encoded)
        if contents.signature_algorithm != algorithm.encoded:  # RFC 5280 4.1.1.2
            raise MalformedMessage("a certificate that names two signature algorithms")
        certificate = cls.__new__(cls)
        # The fields of `contents`, and what was read of them so far
        vars(certificate).update(vars(contents), der=whole.encoded, signature=values.bits(signature))
        return certificate


def compose_tbs(
    template: CertificateTemplate, *, serial: int, issuer: Name, signature_algorithm: bytes
) -> bytes:
    """DER of the TBSCertificate, version 3; subject and key go in byte for byte.

    `signature_algorithm` is the DER AlgorithmIdentifier the issuer will sign with. ValueError if the serial
    is not positive or longer than twenty octets.
    """
    if serial <= 0 or serial.bit_length() > _MAX_SERIAL_BITS:
        raise ValueError("a serial number is positive and has at most twenty octets")
    extensions = writer.sequence(*(extension.encoded for extension in template.extensions))
    return writer.sequence(
        _VERSION_3,
        writer.integer(serial),
        signature_algorithm,
        issuer.encoded,
        writer.sequence(writer.time(template.not_before), writer.time(template.not_after)),
        template.subject.encoded,
        template.spki,
        writer.context(3, extensions) if template.extensions else b"",
    )


def assemble(tbs: bytes, signature_algorithm: bytes, signature: bytes) -> bytes:
    """DER of the certificate from its signed parts (RFC 5280 4.1.1)."""
    return writer.sequence(tbs, signature_algorithm, writer.bit_string(signature))


def verify_signature(certificate: Certificate, public_key: object, *, allow_legacy: bool = False) -> None:
    """Returns if `public_key` signed the certificate. Raises IntegrityFailure, AlgorithmRefused."""
    signatures.verify(
        public_key,
        certificate.signature_algorithm,
        certificate.tbs,
        certificate.signature,
        allow_legacy=allow_legacy,
    )
