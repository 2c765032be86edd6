"""Reading an OCSP response as the one who asked (RFC 6960 3.2): whose it is, whether it holds, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509 import ocsp

from shared.asn1 import oids, tags, values
from shared.asn1.reader import Fields, read
from shared.errors import DependencyError, IntegrityFailure, MalformedMessage, RequestError
from shared.keys import signatures
from shared.x509.certificate import Certificate, verify_signature
from shared.x509.ocsp import CertID
from shared.x509.ocsp_response import CertStatus

_SKEW: Final = timedelta(minutes=5)
_STATES: Final = {
    ocsp.OCSPCertStatus.GOOD: CertStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED: CertStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: CertStatus.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class OCSPAnswer:
    """What a responder says of one certificate."""

    status: CertStatus
    revoked_at: datetime | None
    reason: str | None
    this_update: datetime
    next_update: datetime | None
    responder: Certificate


def read_answer(
    response: bytes, asked: CertID, issuer: Certificate, *, nonce: bytes | None, now: datetime
) -> OCSPAnswer:
    """The answer about `asked`, once all that makes it trustworthy was checked; `issuer` is the certificate's.

    Raises DependencyError for tryLater, MalformedMessage, and RequestError for everything else that is wrong.
    """
    found = _load(response)
    responder = _verify(response, issuer, now)
    if nonce is not None and _nonce(found) != nonce:
        raise IntegrityFailure("the answer does not have the request's nonce")
    single = next((each for each in found.responses if _is_about(each, asked)), None)
    if single is None:
        raise IntegrityFailure("the answer is about another certificate")
    ended = single.next_update_utc is not None and single.next_update_utc < now - _SKEW
    if ended or single.this_update_utc > now + _SKEW:
        raise IntegrityFailure("the answer is not of this time")
    return OCSPAnswer(
        status=_STATES[single.certificate_status],
        revoked_at=single.revocation_time_utc,
        reason=single.revocation_reason.value if single.revocation_reason else None,
        this_update=single.this_update_utc,
        next_update=single.next_update_utc,
        responder=responder,
    )


def _load(response: bytes) -> ocsp.OCSPResponse:
    try:
        found = ocsp.load_der_ocsp_response(response)
    except ValueError:
        raise MalformedMessage("an OCSP response that cannot be read") from None
    if found.response_status is ocsp.OCSPResponseStatus.TRY_LATER:
        raise DependencyError("the responder says: tryLater")
    if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise RequestError(f"the responder says: {found.response_status.name}")
    return found


def _verify(response: bytes, issuer: Certificate, now: datetime) -> Certificate:
    """The responder's certificate: the issuer itself, or whom it has delegated (RFC 6960 4.2.2.2)."""
    _, explicit = read(response).children()
    basic = Fields(read(values.octets(explicit.only_child().children()[1])).expect(tags.SEQUENCE))
    data, algorithm, signature = basic.take(), basic.take(tags.SEQUENCE), values.bits(basic.take())
    enclosed = basic.optional(tags.context(0))
    given = [child.encoded for child in enclosed.only_child().children()] if enclosed else []
    responder = Certificate.from_der(given[0]) if given else issuer
    if responder.der != issuer.der:
        verify_signature(responder, issuer.public_key)
        if oids.EKU_OCSP_SIGNING not in (responder.extended_key_usage or ()):
            raise IntegrityFailure("the responder is not one that the issuer has delegated")
        if not responder.not_before <= now < responder.not_after:
            raise IntegrityFailure("the responder's certificate is not valid now")
    signatures.verify(responder.public_key, algorithm.encoded, data.encoded, signature)
    return responder


def _nonce(response: ocsp.OCSPResponse) -> bytes | None:
    try:
        return response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except (x509.ExtensionNotFound, ValueError):
        return None


def _is_about(single: ocsp.OCSPSingleResponse, asked: CertID) -> bool:
    _, name_hash, key_hash = asked.issuer
    named = (single.issuer_name_hash, single.issuer_key_hash, single.serial_number)
    return named == (name_hash, key_hash, asked.serial)
