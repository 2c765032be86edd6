"""The OCSP responder (RFC 6960, RFC 5019): bytes to bytes. It reads the record, and says what that says.

One response has one signature, so all certificates of a request must be of one issuer; one that is not ours, and
several, are answered with `unauthorized`. No answer needs the CA's key.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.ca.responding import DelegatedResponder
from shared.errors import Conflict, DependencyError, PKIError, RateExceeded, RequestError, UnknownCertificate
from shared.store.ports import Revocation
from shared.x509.ocsp import CertID, IssuerHashes, OCSPRequest, all_hashes_of
from shared.x509.ocsp_response import (
    REASONS,
    CertStatus,
    ResponseStatus,
    SingleResponse,
    build_error,
    build_response,
)

log = logging.getLogger("scepter.ocsp")

_STATUS: Final[Mapping[type[PKIError], ResponseStatus]] = {
    UnknownCertificate: ResponseStatus.UNAUTHORIZED,
    RateExceeded: ResponseStatus.TRY_LATER,
    RequestError: ResponseStatus.MALFORMED_REQUEST,
    DependencyError: ResponseStatus.TRY_LATER,
    Conflict: ResponseStatus.TRY_LATER,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a certificate: good, or revoked or held, or (`issued` is false) nothing at all.

    It was so at `known_at`, and is not to be relied on after `until` if that is given.
    """

    issued: bool
    revocation: Revocation | None
    known_at: datetime
    until: datetime | None = None


class StatusSource(Protocol):
    """Where the certificates of one issuer stand."""

    def standing(self, serial: str, now: datetime) -> Standing:
        """By the serial's octets in lower-case hexadecimal. Raises StoreUnavailable, KeyUnavailable."""


@dataclass(frozen=True, slots=True)
class Authority:
    """One CA of ours: who answers for it, and where its certificates stand."""

    responder: DelegatedResponder
    source: StatusSource


@dataclass(frozen=True, slots=True)
class Lives:
    """How long an answer holds: the usual one, and one that may soon be another (on hold, or not known)."""

    usual: timedelta
    passing: timedelta


@dataclass(frozen=True, slots=True)
class OCSPResponse:
    """An answer (DER). Where caches may keep it, `fresh` is from when to when it holds."""

    der: bytes
    fresh: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class OCSPResponder:
    """Answers for `authorities`."""

    authorities: Sequence[Authority]
    lives: Lives
    _by_hashes: Mapping[IssuerHashes, Authority] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = {
            hashes: authority
            for authority in self.authorities
            for hashes in all_hashes_of(authority.responder.authority)
        }
        object.__setattr__(self, "_by_hashes", named)

    def answer(self, message: bytes, now: datetime) -> OCSPResponse:
        """The answer to a request; whatever is wrong is an answer too, and never an exception."""
        try:
            return self._answer(OCSPRequest.parse(message), now)
        except Exception as error:  # noqa: BLE001 - it is in the log
            return failure(error)

    def _answer(self, request: OCSPRequest, now: datetime) -> OCSPResponse:
        authority = self._authority(request)
        identity = authority.responder.current(now)
        end = identity.certificate.not_after
        standings = {serial: authority.source.standing(serial, now) for serial in _serials(request)}
        responses = [self._single(asked, standings, now, end) for asked in request.certificates]
        der = build_response(
            responses,
            responder=identity.certificate,
            key=identity.key,
            produced_at=now,
            nonce=request.nonce,
        )
        return OCSPResponse(der, None if request.nonce else _freshness(responses))

    def _authority(self, request: OCSPRequest) -> Authority:
        found = [self._by_hashes.get(asked.issuer) for asked in request.certificates]
        first = found[0]
        if first is None or any(authority is not first for authority in found):
            raise UnknownCertificate("asked for certificates of an issuer that is not ours, or of several")
        return first

    def _single(
        self, asked: CertID, standings: Mapping[str, Standing], now: datetime, end: datetime
    ) -> SingleResponse:
        standing = standings.get(asked.serial_hex) if asked.serial > 0 else None
        if standing is None or not standing.issued:
            return SingleResponse(asked, CertStatus.UNKNOWN, now, min(now + self.lives.passing, end))
        revocation = standing.revocation
        held = revocation is not None and revocation.reason == "certificateHold"
        life = self.lives.passing if held else self.lives.usual
        return SingleResponse(
            asked,
            CertStatus.GOOD if revocation is None else CertStatus.REVOKED,
            this_update=standing.known_at,
            next_update=min(now + life, end, standing.until or end),
            revoked_at=revocation.at if revocation else None,
            reason=revocation.reason if revocation and revocation.reason in REASONS else None,
        )


def failure(error: Exception) -> OCSPResponse:
    """The answer to any error (RFC 6960 2.3): precise in the log, silent about internals to strangers."""
    if not isinstance(error, PKIError):
        log.error("unexpected failure", exc_info=error)
        return OCSPResponse(build_error(ResponseStatus.INTERNAL_ERROR))
    status = next(
        (code for kind, code in _STATUS.items() if isinstance(error, kind)), ResponseStatus.INTERNAL_ERROR
    )
    level = logging.INFO if isinstance(error, RequestError) else logging.ERROR
    log.log(level, "%s: %s", type(error).__name__, error.reason)
    return OCSPResponse(build_error(status))


def _serials(request: OCSPRequest) -> list[str]:
    """Each serial once. None that is not positive: no certificate of ours has one."""
    return list(dict.fromkeys(asked.serial_hex for asked in request.certificates if asked.serial > 0))


def _freshness(responses: Sequence[SingleResponse]) -> tuple[datetime, datetime] | None:
    """From when to when all of it holds; what is not known today may be known in a moment."""
    if any(response.status is CertStatus.UNKNOWN for response in responses):
        return None
    latest = max(response.this_update for response in responses)
    return latest, min(response.next_update for response in responses)
