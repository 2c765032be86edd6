"""Certificate revocation lists (RFC 5280 5), with Windows' hint at the next publication.

Built with `cryptography`, whose builder takes a whole list of entries in linear time through its constructor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Fields, read_der
from shared.errors import IssuanceFault, MalformedMessage
from shared.keys import signatures
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate
from shared.x509.crl_entry import REASONS, UNREADABLE, RevokedEntry, entry_from_library, entry_to_library
from shared.x509.extensions import key_identifier
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
_MAX_NUMBER_BITS: Final = 159  # RFC 5280 5.2.3: at most twenty octets


@dataclass(frozen=True, slots=True)
class CertificateRevocationList:
    """A CRL as it was read. Times are aware, UTC; `next_publish` is None if the CRL does not say."""

    der: bytes = field(repr=False)
    issuer: Name = field(compare=False)
    number: int = field(compare=False)
    this_update: datetime = field(compare=False)
    next_update: datetime = field(compare=False)
    next_publish: datetime | None = field(compare=False)
    authority_key_identifier: bytes | None = field(compare=False)
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


def build_crl(
    *,
    issuer_certificate: Certificate,
    signing_key: SigningKey,
    entries: Iterable[RevokedEntry],
    number: int,
    this_update: datetime,
    next_update: datetime,
    next_publish: datetime | None,
) -> bytes:
    """DER of a version 2 CRL, signed with SHA-256, or with SHA-384 or SHA-512 by P-384 and P-521 keys.

    Times are aware, whole seconds. `signing_key` is only asked to sign. ValueError for a number or times that cannot
    be; IssuanceFault if the CA certificate's subject cannot be written byte for byte.
    """
    if not 0 <= number < 1 << _MAX_NUMBER_BITS:
        raise ValueError("a CRL number is not negative and has at most twenty octets")
    builder = x509.CertificateRevocationListBuilder(revoked_certificates=list(map(entry_to_library, entries)))
    builder = builder.issuer_name(_issuer_name(issuer_certificate))
    builder = builder.last_update(this_update).next_update(next_update)
    for extension in _extensions(issuer_certificate, number, next_publish):
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(signing_key, _digest(issuer_certificate.public_key))
    return signed.public_bytes(serialization.Encoding.DER)


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
        _parsed=parsed,
    )


def verify_crl(der: bytes, public_key: PublicKey) -> None:
    """Returns if `public_key` signed the CRL. Raises IntegrityFailure, AlgorithmRefused, MalformedMessage."""
    fields = Fields(read_der(der).expect(tags.SEQUENCE))
    tbs, algorithm, signature = fields.take(tags.SEQUENCE), fields.take(tags.SEQUENCE), fields.take()
    fields.finish()
    signatures.verify(public_key, algorithm.encoded, tbs.encoded, values.bits(signature))


def _extensions(issuer: Certificate, number: int, next_publish: datetime | None) -> list[x509.ExtensionType]:
    key_id = issuer.subject_key_identifier or key_identifier(issuer.spki)
    extensions: list[x509.ExtensionType] = [
        x509.AuthorityKeyIdentifier(key_id, None, None),
        x509.CRLNumber(number),
    ]
    if next_publish is not None:
        extensions.append(x509.UnrecognizedExtension(_NEXT_PUBLISH, writer.time(next_publish)))
    return extensions


@lru_cache(maxsize=16)
def _issuer_name(certificate: Certificate) -> x509.Name:
    try:
        name = x509.load_der_x509_certificate(certificate.der).subject
    except ValueError:
        name = None
    # RFC 5280 7.1 compares names by meaning, but many a relying party compares octets
    if name is None or name.public_bytes() != certificate.subject.encoded:
        raise IssuanceFault("the CA certificate's subject cannot be written into a CRL as it is")
    return name


def _digest(public_key: PublicKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.key_size > 256:
        return hashes.SHA384() if public_key.key_size == 384 else hashes.SHA512()
    return hashes.SHA256()


def _issuer(der: bytes) -> Name:
    fields = Fields(Fields(read_der(der).expect(tags.SEQUENCE)).take(tags.SEQUENCE))
    fields.optional(tags.INTEGER)
    fields.take(tags.SEQUENCE)
    return Name.from_der(fields.take(tags.SEQUENCE).encoded)


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
