"""Enrolment over Secure Transport (RFC 7030, RFC 8951) as a registration authority: an OutsideCA.

The device's own PKCS #10 goes to /simpleenroll as it was signed, so that the proof of possession holds; the RA shows a
TLS client certificate, or a name and password. A server that links proof and TLS session (RFC 7030 3.5) must exempt
the RA, which is what id-kp-cmcRA in its certificate says: the challengePassword in the request is the device's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from shared.ca.est_transport import Answered, ESTTransport
from shared.ca.ports import AdapterSettings, OutcomeUnknown, OutsideRequest
from shared.cms.signing import parse_degenerate
from shared.errors import (
    IssuancePending,
    IssuerUnavailable,
    PolicyViolation,
    RequestError,
)
from shared.x509.certificate import Certificate

_SOON: Final = 10
_LONGEST_WAIT: Final = 24 * 3600
_REQUEST: Final = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
_OURS: Final = frozenset((401, 403, 404, 405, 406, 415))
"""What the server says of the RA's credentials, or of the URL: no other request would fare better."""


class EST:
    """`settings.url` is the base, with the label if there is one: https://ca.example.org/.well-known/est/devices."""

    def __init__(self, settings: AdapterSettings) -> None:
        self._reenrol = settings.reenrol
        self._transport = ESTTransport(settings)

    def enrol(self, request: OutsideRequest) -> Certificate:
        """RFC 7030 4.2. A renewal goes to /simplereenroll where the settings say so."""
        path = "simplereenroll" if request.renews and self._reenrol else "simpleenroll"
        answer = self._transport.call("POST", path, _encoded(request.der), _REQUEST)
        if answer.status == 202:
            raise IssuancePending("the outside CA wants to be asked again", retry_after=_pause(answer))
        _check_status(answer)
        try:
            return _certificate_for(request, _certificates(answer))
        except RequestError as error:
            raise OutcomeUnknown(f"the outside CA's answer cannot be read: {error.reason}") from error

    def ca_certificates(self) -> Sequence[Certificate]:
        """RFC 7030 4.1."""
        answer = self._transport.call("GET", "cacerts", b"", {})
        if answer.status != 200:
            raise IssuerUnavailable(f"GET cacerts: {_said(answer)}")
        try:
            return _certificates(answer)
        except RequestError as error:
            raise IssuerUnavailable(f"GET cacerts: {error.reason}") from error


def _check_status(answer: Answered) -> None:
    """Raises unless the answer brings a certificate (RFC 7030 4.2.3)."""
    if answer.status == 200:
        return
    if answer.status in _OURS or answer.status == 429 or 300 <= answer.status < 400:
        raise IssuerUnavailable(f"the outside CA answers {_said(answer)}", retry_after=_pause(answer))
    if 400 <= answer.status < 500:
        raise PolicyViolation(
            f"the outside CA refuses: {_said(answer)}", public="The issuing CA refused the request."
        )
    if answer.status == 503:
        raise IssuerUnavailable(f"the outside CA answers {_said(answer)}", retry_after=_pause(answer))
    raise OutcomeUnknown(f"the outside CA answers {_said(answer)}", retry_after=_pause(answer))


def _certificates(answer: Answered) -> list[Certificate]:
    """Of a certs-only message, in base64 as RFC 7030 wants it or bare. Raises RequestError."""
    certificates, _ = parse_degenerate(_decoded(answer.body))
    return [Certificate.from_der(der) for der in certificates]


def _certificate_for(request: OutsideRequest, found: Sequence[Certificate]) -> Certificate:
    """The one of the request's key; a server may send its chain along. Where there is none, the first: it is looked at
    and refused with its serial number on record. Raises RequestError."""
    own = [each for each in found if each.spki == request.template.spki]
    if not found:
        raise PolicyViolation("a certs-only message without a certificate")
    return own[0] if own else found[0]


def _encoded(der: bytes) -> bytes:
    return base64.b64encode(der)  # on one line (RFC 8951 3): some decoders stop at the first line break


def _decoded(body: bytes) -> bytes:
    if body[:1] == b"0" and not body.isascii():  # a SEQUENCE: the DER itself
        return body
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        return body  # which the parser then refuses


def _pause(answer: Answered) -> int:
    """Retry-After, in seconds or as a date (RFC 9110 10.2.3)."""
    stated = answer.retry_after.strip()
    if stated.isascii() and stated.isdecimal():
        return min(max(int(stated[:6]), 1), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(stated)
    except ValueError:
        return _SOON
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(int(seconds), 1), _LONGEST_WAIT)


def _said(answer: Answered) -> str:
    """The status, and the beginning of a text: servers write there what is wrong."""
    text = answer.body[:200].decode("ascii", "replace") if answer.media_type.startswith("text/") else ""
    return f"{answer.status} {' '.join(text.split())!a}" if text else str(answer.status)
