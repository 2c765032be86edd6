"""OCSP responses (RFC 6960 4.2): several certificates in one, signed by a responder whose certificate is always in it.

Composed here, because the library's builder takes one certificate for each response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

from shared.asn1 import oids, tags, writer
from shared.keys.ports import SigningKey
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import Certificate
from shared.x509.extensions import key_identifier
from shared.x509.ocsp import CertID, nonce_extension

# RFC 5280 5.3.1; `unspecified` is said by saying nothing, as in a CRL
REASONS: Final = {
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
_UNSPECIFIED: Final = "unspecified"


class ResponseStatus(IntEnum):
    """OCSPResponseStatus (RFC 6960 4.2.1); all but the first come without an answer."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


class CertStatus(StrEnum):
    """What can be said of a certificate (RFC 6960 2.2); one on hold is revoked with that reason."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SingleResponse:
    """What is said of one certificate. Valid when made: ValueError otherwise. Times are written in whole seconds."""

    asked: CertID
    status: CertStatus
    this_update: datetime
    next_update: datetime
    revoked_at: datetime | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.this_update >= self.next_update:
            raise ValueError("a response that ends before it begins")
        if (self.status is CertStatus.REVOKED) is not (self.revoked_at is not None):
            raise ValueError("what is revoked, and nothing else, was revoked at some time")
        if self.reason is not None and self.reason != _UNSPECIFIED and self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is not a reason of RFC 5280 5.3.1")

    @property
    def encoded(self) -> bytes:
        """SingleResponse (DER)."""
        return writer.sequence(
            self.asked.encoded,
            self._status(),
            writer.generalized_time(self.this_update),
            writer.context(0, writer.generalized_time(self.next_update)),
        )

    def _status(self) -> bytes:
        if self.revoked_at is None:
            return writer.context(0 if self.status is CertStatus.GOOD else 2, b"", constructed=False)
        number = REASONS.get(self.reason or _UNSPECIFIED)
        reason = b"" if number is None else writer.context(0, writer.tlv(tags.ENUMERATED, bytes((number,))))
        return writer.context(1, writer.generalized_time(self.revoked_at) + reason)


def build_response(
    responses: Sequence[SingleResponse],
    *,
    responder: Certificate,
    key: SigningKey,
    produced_at: datetime,
    nonce: bytes | None,
) -> bytes:
    """A successful response (DER), signed with the responder's `key`; `nonce` is the request's."""
    extensions = b"" if nonce is None else writer.context(1, writer.sequence(nonce_extension(nonce)))
    data = writer.sequence(
        writer.context(2, writer.octet_string(key_identifier(responder.spki))),
        writer.generalized_time(produced_at),
        writer.sequence(*(response.encoded for response in responses)),
        extensions,
    )
    basic = writer.sequence(
        data,
        signature_algorithm(key),
        writer.bit_string(sign(key, data)),
        writer.context(0, writer.sequence(responder.der)),
    )
    return writer.sequence(
        _status(ResponseStatus.SUCCESSFUL),
        writer.context(0, writer.sequence(writer.oid(oids.OCSP_BASIC), writer.octet_string(basic))),
    )


def build_error(status: ResponseStatus) -> bytes:
    """A response (DER) that says only why there is no answer. ValueError if there is one."""
    if status is ResponseStatus.SUCCESSFUL:
        raise ValueError("a successful response has an answer")
    return writer.sequence(_status(status))


def _status(status: ResponseStatus) -> bytes:
    return writer.tlv(tags.ENUMERATED, bytes((status,)))
