"""Certification requests (PKCS #10, RFC 2986): read tolerantly, possession proven over the bytes as sent."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.asn1 import oids, tags, values
from shared.asn1.reader import Element, Fields, read_der
from shared.errors import MalformedMessage
from shared.keys import signatures
from shared.x509.extension_values import parse_extended_key_usage, parse_key_usage
from shared.x509.general_names import GeneralName, parse_general_names
from shared.x509.names import Name
from shared.x509.public_key import PublicKey, load_public_key
from shared.x509.request_attributes import RequestAttributes

MAX_REQUEST: Final = 64 * 1024
_ATTRIBUTES: Final = tags.context(0)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose sender has proven to hold the private key. `from_der` is the only way to one.

    `der` is exactly what was received; `extensions` are by dotted identifier: critical, and the value.
    `challenge` is None when absent and "" when present and empty; it and `der` never show in a repr.
    """

    der: bytes = field(repr=False)
    subject: Name = field(compare=False)
    spki: bytes = field(compare=False, repr=False)
    public_key: PublicKey = field(compare=False, repr=False)
    key_hash: str = field(compare=False)
    challenge: str | None = field(compare=False, repr=False)
    sans: tuple[GeneralName, ...] = field(compare=False)
    key_usage: frozenset[str] | None = field(compare=False)
    extended_key_usage: tuple[str, ...] | None = field(compare=False)
    extensions: Mapping[str, tuple[bool, bytes]] = field(compare=False, repr=False)

    @classmethod
    def from_der(cls, der: bytes, *, allow_legacy: bool = False) -> CertificateRequest:
        """`allow_legacy` accepts signatures with digests below SHA-256.

        Raises MalformedMessage; AlgorithmRefused for a kind of key or signature that is not accepted;
        IntegrityFailure if the proof of possession does not hold.
        """
        if len(der) > MAX_REQUEST:
            raise MalformedMessage(f"a request of more than {MAX_REQUEST} octets")
        # Not `read`: what BER would be rewritten to is not what was signed.
        outer = Fields(read_der(der).expect(tags.SEQUENCE))
        info, algorithm, signature = outer.take(tags.SEQUENCE), outer.take(tags.SEQUENCE), outer.take()
        outer.finish()
        subject, spki, attributes = _parse_info(info)
        public_key = load_public_key(spki)
        signatures.verify(
            public_key, algorithm.encoded, info.encoded, values.bits(signature), allow_legacy=allow_legacy
        )
        return cls._proven(der, Name.from_der(subject), spki, public_key, RequestAttributes.parse(attributes))

    @classmethod
    def _proven(
        cls, der: bytes, subject: Name, spki: bytes, public_key: PublicKey, attributes: RequestAttributes
    ) -> CertificateRequest:
        asked = attributes.extensions
        sans, usage = asked.get(oids.SUBJECT_ALTERNATIVE_NAME), asked.get(oids.KEY_USAGE)
        purposes = asked.get(oids.EXTENDED_KEY_USAGE)
        return cls(
            der=der,
            subject=subject,
            spki=spki,
            public_key=public_key,
            key_hash=hashlib.sha256(spki).hexdigest(),
            challenge=attributes.challenge,
            sans=parse_general_names(sans[1]) if sans else (),
            key_usage=parse_key_usage(usage[1]) if usage else None,
            extended_key_usage=parse_extended_key_usage(purposes[1]) if purposes else None,
            extensions=asked,
        )


def _parse_info(info: Element) -> tuple[bytes, bytes, Element | None]:
    """Subject, SubjectPublicKeyInfo and attributes of a CertificationRequestInfo (RFC 2986 4.1)."""
    fields = Fields(info)
    if values.integer(fields.take()) != 0:
        raise MalformedMessage("a certification request of an unknown version")
    subject, spki = fields.take(tags.SEQUENCE), fields.take(tags.SEQUENCE)
    attributes = fields.optional(_ATTRIBUTES)
    fields.finish()
    return subject.encoded, spki.encoded, attributes
