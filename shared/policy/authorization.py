"""From a request to a certificate template: copy little, derive the rest (RFC 5280 4.1, 4.2).

Taken from a request are its public key, its subject byte for byte, its SANs and its usages. Every other
extension in it is ignored, except a wish to become a CA, which is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.asn1 import oids
from shared.policy.refusal import refusal
from shared.x509 import extensions
from shared.x509.certificate import CertificateTemplate
from shared.x509.extension_values import parse_basic_constraints
from shared.x509.extensions import Extension
from shared.x509.general_names import GeneralName
from shared.x509.names import Name
from shared.x509.request import CertificateRequest


class Applicant(Protocol):
    """What is certified: a request, or a key that was made here."""

    @property
    def subject(self) -> Name: ...
    @property
    def spki(self) -> bytes: ...
    @property
    def sans(self) -> tuple[GeneralName, ...]: ...


@dataclass(frozen=True, slots=True)
class MadeHere:
    """A key that was made here, and the names it is for."""

    subject: Name
    sans: tuple[GeneralName, ...]
    spki: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a profile grants to one request: usages, purposes (dotted), the SID for the extension if any."""

    key_usage: frozenset[str]
    extended_key_usage: tuple[str, ...] = ()
    sid: str | None = None


def refuse_ca_request(request: CertificateRequest) -> None:
    """Raises PolicyViolation if a CA certificate is asked for, MalformedMessage if that cannot be told."""
    wish = request.extensions.get(oids.BASIC_CONSTRAINTS)
    if wish is not None and parse_basic_constraints(wish[1])[0]:
        raise refusal("A CA certificate is not issued here")


def template(
    request: Applicant, grant: Grant, *, now: datetime, backdate: timedelta, life: timedelta
) -> CertificateTemplate:
    """The template of a certificate that lives for `life` from shortly before `now`."""
    not_before, not_after = period(now, backdate, life)
    return CertificateTemplate(
        subject=request.subject,
        spki=request.spki,
        not_before=not_before,
        not_after=not_after,
        extensions=_extensions(request, grant),
    )


def period(now: datetime, backdate: timedelta, life: timedelta) -> tuple[datetime, datetime]:
    """notBefore and notAfter of a certificate made now that lives for `life`."""
    # Back-dating helps clocks that run late. It comes out of the life, not on top, and takes at most half.
    not_before = (now - min(backdate, life / 2)).astimezone(UTC).replace(microsecond=0)
    return not_before, not_before + life


def _extensions(request: Applicant, grant: Grant) -> tuple[Extension, ...]:
    built = [extensions.basic_constraints(False, None), extensions.key_usage(grant.key_usage)]
    if grant.extended_key_usage:
        built.append(extensions.extended_key_usage(grant.extended_key_usage))
    if request.sans:
        # RFC 5280 4.1.2.6: critical if the subject is empty
        built.append(extensions.subject_alternative_name(request.sans, critical=not request.subject.rdns))
    built.append(extensions.subject_key_identifier(request.spki))
    if grant.sid:
        built.append(extensions.microsoft_sid(grant.sid))
    return tuple(built)
