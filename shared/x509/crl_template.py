"""Making a CRL (RFC 5280 5.1, 5.2) from entries that are stored as DER: composed, then signed.

With the house's own writer, in linear time and with few copies, however long the list is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.asn1 import tags, writer
from shared.keys.ports import SigningKey
from shared.keys.signatures import parse_scheme, sign, signature_algorithm
from shared.x509 import crl_extensions
from shared.x509.certificate import Certificate
from shared.x509.crl_entry import RevokedEntry
from shared.x509.crl_list import EntryList
from shared.x509.extensions import Extension, authority_key_identifier, key_identifier

_MAX_NUMBER_BITS: Final = 159  # RFC 5280 5.2.3: at most twenty octets


@dataclass(frozen=True, slots=True, kw_only=True)
class CRLTemplate:
    """Everything of a CRL but its issuer and entries. Times are aware, whole seconds. Raises ValueError.

    `distribution_point` is the URL in a shard's IDP, `freshest` where a complete CRL's delta is, and `base` the number
    of the complete CRL that a delta starts from.
    """

    number: int
    this_update: datetime
    next_update: datetime
    next_publish: datetime | None = None
    distribution_point: str = ""
    freshest: str = ""
    base: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.number < 1 << _MAX_NUMBER_BITS or not 0 <= (self.base or 0) <= self.number:
            raise ValueError(
                "a CRL number is not negative, has at most twenty octets and is no less than its base"
            )
        if self.this_update >= self.next_update:
            raise ValueError("the next update of a CRL comes after this update")
        if self.base is not None and self.freshest:
            raise ValueError("a delta CRL points to no other (RFC 5280 5.2.6)")

    def extensions(self) -> Iterator[Extension]:
        """All but the authority key identifier."""
        yield crl_extensions.crl_number(self.number)
        if self.base is not None:
            yield crl_extensions.delta_crl_indicator(self.base)
        if self.distribution_point:
            yield crl_extensions.issuing_distribution_point(self.distribution_point)
        if self.freshest:
            yield crl_extensions.freshest_crl(self.freshest)
        if self.next_publish is not None:
            yield crl_extensions.next_publish(self.next_publish)


def compose_crl(template: CRLTemplate, entries: EntryList, *, issuer: Certificate, algorithm: bytes) -> bytes:
    """The TBSCertList of a version 2 CRL (5.1.2); the issuer's name byte for byte as in its certificate."""
    key_id = issuer.subject_key_identifier or key_identifier(issuer.spki)
    extensions = (authority_key_identifier(key_id), *template.extensions())
    listed = memoryview(entries.data)[entries.start : entries.end]
    head = (
        writer.integer(1),
        algorithm,
        issuer.subject.encoded,
        writer.time(template.this_update),
        writer.time(template.next_update),
        writer.header(tags.SEQUENCE, len(listed))
        if listed
        else b"",  # 5.1.2.6: no list where nothing is revoked
    )
    tail = writer.context(0, writer.sequence(*(extension.encoded for extension in extensions)))
    size = sum(map(len, head)) + len(listed) + len(tail)
    return b"".join((writer.header(tags.SEQUENCE, size), *head, listed, tail))


def sign_crl(tbs: bytes, key: SigningKey, algorithm: bytes) -> bytes:
    """The CRL (DER) over exactly `tbs`, which names `algorithm`; `key` is only asked to sign."""
    digest = parse_scheme(algorithm).digest
    signature = writer.bit_string(sign(key, tbs, digest.name if digest else None))
    size = len(tbs) + len(algorithm) + len(signature)
    return b"".join((writer.header(tags.SEQUENCE, size), tbs, algorithm, signature))


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
    """DER of a complete CRL with few entries, signed. `signing_key` is only asked to sign. Raises ValueError."""
    template = CRLTemplate(
        number=number, this_update=this_update, next_update=next_update, next_publish=next_publish
    )
    algorithm = signature_algorithm(issuer_certificate.public_key)
    listed = EntryList.of(entry.to_der() for entry in entries)
    tbs = compose_crl(template, listed, issuer=issuer_certificate, algorithm=algorithm)
    return sign_crl(tbs, signing_key, algorithm)
