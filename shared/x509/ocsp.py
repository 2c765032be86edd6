"""OCSP requests (RFC 6960 4.1): which certificates are asked about, named by hashes of their issuer, and the nonce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields, read, read_der
from shared.errors import MalformedMessage
from shared.keys import digests
from shared.x509.certificate import Certificate
from shared.x509.extensions import parse_extensions
from shared.x509.serial import serial_text

MAX_REQUEST: Final = 16 * 1024
MAX_CERTIFICATES: Final = 16  # each costs a read, and whoever asks need not say who he is
_NONCE_OCTETS: Final = range(1, 129)  # RFC 9654 2.1
_MAX_SERIAL_BITS: Final = 512  # RFC 5280 says twenty octets, strangers use more
_DIGESTS: Final = ("sha1", "sha256", "sha384", "sha512")
# What a request may mark as critical: what is heeded here, or is no more than a wish (RFC 6960 4.4).
_KNOWN_CRITICAL: Final = frozenset(
    {oids.OCSP_NONCE, oids.OCSP_RESPONSE_TYPES, oids.OCSP_SERVICE_LOCATOR, oids.OCSP_PREFERRED_ALGORITHMS}
)

IssuerHashes = tuple[str, bytes, bytes]
"""The identifier of a digest, and that digest of an issuer's name and of its key."""


@dataclass(frozen=True, slots=True)
class CertID:
    """One certificate, by its issuer and serial. `parameters`: whether the digest was named with NULL beside it."""

    issuer: IssuerHashes
    serial: int
    parameters: bool = True

    @classmethod
    def of(cls, issuer: Certificate, serial: int, digest: str = "sha1") -> CertID:
        """The name of the certificate `serial` of `issuer`. Raises AlgorithmRefused for an unknown digest."""
        return cls(hashes_of(issuer, digest), serial)

    @classmethod
    def parse(cls, element: Element) -> CertID:
        """Raises MalformedMessage. The digest may be one that nobody here computes."""
        fields = Fields(element.expect(tags.SEQUENCE))
        algorithm = Fields(fields.take(tags.SEQUENCE))
        name_hash, key_hash = values.octets(fields.take()), values.octets(fields.take())
        serial = values.integer(fields.take())
        fields.finish()
        if serial.bit_length() > _MAX_SERIAL_BITS:
            raise MalformedMessage("a serial number of absurd size")
        digest, parameters = values.oid(algorithm.take()), algorithm.optional(tags.NULL)
        algorithm.finish()
        return cls((digest, name_hash, key_hash), serial, parameters is not None)

    @property
    def serial_hex(self) -> str:
        """The serial's octets in lower-case hexadecimal."""
        return serial_text(self.serial)

    @property
    def encoded(self) -> bytes:
        """DER, with the digest's parameters as they were asked: askers compare octets."""
        digest, name_hash, key_hash = self.issuer
        return writer.sequence(
            writer.sequence(writer.oid(digest), writer.null() if self.parameters else b""),
            writer.octet_string(name_hash),
            writer.octet_string(key_hash),
            writer.integer(self.serial),
        )


def hashes_of(issuer: Certificate, digest: str) -> IssuerHashes:
    """How a CertID names `issuer` by `digest` (RFC 6960 4.1.1). Raises AlgorithmRefused."""
    by = digests.by_name(digest)
    key = values.bits(read_der(issuer.spki).children()[1])
    return by.oid, by.compute(issuer.subject.encoded), by.compute(key)


def all_hashes_of(issuer: Certificate) -> tuple[IssuerHashes, ...]:
    """How CertIDs may name `issuer`, by each digest that is known here. SHA-1 among them: it only names."""
    return tuple(hashes_of(issuer, digest) for digest in _DIGESTS)


@dataclass(frozen=True, slots=True)
class OCSPRequest:
    """What is asked: one or more certificates, and a nonce to be given back."""

    certificates: tuple[CertID, ...]
    nonce: bytes | None = None

    @classmethod
    def parse(cls, message: bytes) -> OCSPRequest:
        """BER is taken; who asks, and a signature on that, is not looked at. Raises MalformedMessage."""
        if len(message) > MAX_REQUEST:
            raise MalformedMessage(f"an OCSP request of {len(message)} octets")
        whole = Fields(read(message).expect(tags.SEQUENCE))
        fields = Fields(whole.take(tags.SEQUENCE))
        whole.optional(tags.context(0))  # optionalSignature
        whole.finish()
        version = fields.optional(tags.context(0))
        if version is not None and values.integer(version.only_child()) != 0:
            raise MalformedMessage("an OCSP request of another version")
        fields.optional(tags.context(1))  # requestorName
        asked = fields.take(tags.SEQUENCE).children()
        extensions = fields.optional(tags.context(2))
        fields.finish()
        if not 0 < len(asked) <= MAX_CERTIFICATES:
            raise MalformedMessage(f"an OCSP request for {len(asked)} certificates")
        return cls(tuple(map(_certificate, asked)), _nonce(extensions))

    @property
    def encoded(self) -> bytes:
        """DER, for those who ask."""
        asked = writer.sequence(*(writer.sequence(each.encoded) for each in self.certificates))
        extensions = (
            b"" if self.nonce is None else writer.context(2, writer.sequence(nonce_extension(self.nonce)))
        )
        return writer.sequence(writer.sequence(asked, extensions))


def nonce_extension(nonce: bytes) -> bytes:
    """The nonce as an extension (RFC 9654 2.1); the same in a request and in its answer."""
    return writer.sequence(writer.oid(oids.OCSP_NONCE), writer.octet_string(writer.octet_string(nonce)))


def _certificate(request: Element) -> CertID:
    fields = Fields(request.expect(tags.SEQUENCE))
    certificate, extensions = CertID.parse(fields.take()), fields.optional(tags.context(0))
    fields.finish()
    _extensions(extensions)
    return certificate


def _nonce(extensions: Element | None) -> bytes | None:
    value = _extensions(extensions).get(oids.OCSP_NONCE)
    if value is None:
        return None
    nonce = values.octets(read(value))
    if len(nonce) not in _NONCE_OCTETS:
        raise MalformedMessage(f"a nonce of {len(nonce)} octets")
    return nonce


def _extensions(explicit: Element | None) -> dict[str, bytes]:
    """Values by identifier; what is critical and unknown cannot be left aside (RFC 6960 4.1.2)."""
    if explicit is None:
        return {}
    found = parse_extensions(explicit.only_child())
    unknown = [oid for oid, (critical, _) in found.items() if critical and oid not in _KNOWN_CRITICAL]
    if unknown:
        raise MalformedMessage(f"an OCSP request with the critical extension {unknown[0]}")
    return {oid: value for oid, (_, value) in found.items()}
