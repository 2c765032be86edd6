"""Certificate revocation lists (RFC 5280 5), read with `cryptography`.

They are composed by the house's own writer (`crl_template`), so whoever reads here what was composed there has asked a
second implementation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Fields, read_der, span
from shared.errors import MalformedMessage
from shared.keys import signatures
from shared.x509.crl_entry import REASONS, UNREADABLE, RevokedEntry, entry_from_library
from shared.x509.crl_template import build_crl
from shared.x509.names import Name
from shared.x509.public_key import PublicKey

__all__ = [
    "REASONS",
    "CertificateRevocationList",
    "RevokedEntry",
    "build_crl",
    "parse_crl",
    "verify_crl",
]

_NEXT_PUBLISH: Final = x509.ObjectIdentifier(oids.MS_CRL_NEXT_PUBLISH)


@dataclass(frozen=True, slots=True)
class CertificateRevocationList:
    """A CRL as it was read. Times are aware, UTC; `next_publish` is None if the CRL does not say.

    `base` is the number a delta starts from, None for a complete CRL.
    """

    der: bytes = field(repr=False)
    issuer: Name = field(compare=False)
    number: int = field(compare=False)
    this_update: datetime = field(compare=False)
    next_update: datetime = field(compare=False)
    next_publish: datetime | None = field(compare=False)
    authority_key_identifier: bytes | None = field(compare=False)
    base: int | None = field(compare=False)
    _parsed: x509.CertificateRevocationList = field(compare=False, repr=False)

    def __len__(self) -> int:
        return len(self._parsed)

    def entries(self) -> Iterator[RevokedEntry]:
        """Every entry in the order of the CRL, decoded one by one. Raises MalformedMessage."""
        return map(entry_from_library, self._parsed)

    def find(self, serial_hex: str) -> RevokedEntry | None:
        """The entry of a certificate, None if it has none. Raises MalformedMessage."""
        found = self._parsed.get_revoked_certificate_by_serial_number(int(serial_hex, 16))
        return None if found is None else entry_from_library(found)


def parse_crl(der: bytes) -> CertificateRevocationList:
    """A CRL that has a number and a nextUpdate, as RFC 5280 demands. Raises MalformedMessage."""
    try:
        parsed = x509.load_der_x509_crl(der)
        extensions = parsed.extensions
        number = extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except UNREADABLE:
        raise MalformedMessage("a CRL that cannot be read") from None
    if parsed.next_update_utc is None:
        raise MalformedMessage("a CRL without nextUpdate")
    return CertificateRevocationList(
        der=der,
        issuer=_issuer(der),
        number=number,
        this_update=parsed.last_update_utc,
        next_update=parsed.next_update_utc,
        next_publish=_next_publish(extensions),
        authority_key_identifier=_authority_key_identifier(extensions),
        base=_base(extensions),
        _parsed=parsed,
    )


def verify_crl(der: bytes, public_key: PublicKey) -> None:
    """Returns if `public_key` signed the CRL. Raises IntegrityFailure, AlgorithmRefused, MalformedMessage."""
    fields = Fields(read_der(der).expect(tags.SEQUENCE))
    tbs, algorithm, signature = fields.take(tags.SEQUENCE), fields.take(tags.SEQUENCE), fields.take()
    fields.finish()
    signatures.verify(public_key, algorithm.encoded, tbs.encoded, values.bits(signature))


def _issuer(der: bytes) -> Name:
    _, position, _ = span(der, span(der, 0)[1])
    if der[position : position + 1] == writer.integer(1)[:1]:
        position = span(der, position)[2]
    position = span(der, position)[2]  # the algorithm
    return Name.from_der(der[position : span(der, position)[2]])


def _next_publish(extensions: x509.Extensions) -> datetime | None:
    try:
        value = extensions.get_extension_for_oid(_NEXT_PUBLISH).value
    except x509.ExtensionNotFound:
        return None
    return values.time(read_der(value.public_bytes()))


def _authority_key_identifier(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _base(extensions: x509.Extensions) -> int | None:
    try:
        return extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
    except x509.ExtensionNotFound:
        return None
