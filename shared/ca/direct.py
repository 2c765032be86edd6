"""Issuing for a request that an administrator hands over, for servers that speak no SCEP: the same policy, linter
and record as for devices, and the administrator is who vouches."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.asn1 import oids
from shared.asn1.pem import from_pem, is_pem
from shared.ca.authority import REPEAT_WINDOW, Issued, Order
from shared.ca.ports import IssuingAuthority
from shared.errors import ChallengeRejected, MalformedMessage, PolicyViolation, RequestError
from shared.policy.owner import check_owner, check_validity
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.policy.refusal import quoted, refusal
from shared.x509.request import MAX_REQUEST, CertificateRequest

MAX_ORDER_BYTES: Final = 2 * MAX_REQUEST
_LABELS: Final = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
# What a certificate gets from the request or derives itself; all else would be left out without a word.
_HEEDED: Final = frozenset(
    {
        oids.SUBJECT_ALTERNATIVE_NAME,
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.BASIC_CONSTRAINTS,
        oids.SUBJECT_KEY_IDENTIFIER,
    }
)
_Id = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f/\\#?]*$")]


class DirectOrder(BaseModel):
    """The body of an order: `csr` is PEM or base64 of DER; the owner's ids; `validity_days` can only shorten."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    profile: Annotated[str, Field(max_length=64)]
    csr: Annotated[str, Field(max_length=MAX_ORDER_BYTES)]
    device: _Id = ""
    user: _Id = ""
    validity_days: Annotated[int, Field(ge=1)] | None = None

    @classmethod
    def parse(cls, body: bytes) -> DirectOrder:
        """From JSON. Raises MalformedMessage; its public text names the wrong fields, no values."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            text = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in details
            )
            raise MalformedMessage(f"unreadable order: {text}", public=f"The order: {text}.") from None

    def der(self) -> bytes:
        """The request. Raises MalformedMessage."""
        data = self.csr.encode()
        if is_pem(data):
            blocks = from_pem(data)
            if len(blocks) != 1 or blocks[0][0] not in _LABELS:
                found = ", ".join(label for label, _ in blocks)
                raise MalformedMessage(f"csr has to hold one CERTIFICATE REQUEST; it holds {found}")
            return blocks[0][1]
        try:
            return b64decode(b"".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise MalformedMessage("csr is neither PEM nor base64 of DER") from None


@dataclass(frozen=True, slots=True)
class DirectIssuance:
    """Serves administrators. `authorities` gives the CA that a profile names, `backdate` is how far notBefore lies in
    the past."""

    authorities: Callable[[str], IssuingAuthority]
    profiles: Profiles
    backdate: timedelta

    def issue(self, order: DirectOrder, *, principal: str, now: datetime) -> Issued:
        """A certificate on the word of `principal`; the one made before if the same was ordered within 24 h.

        Raises RequestError with all detail in its public text, for an administrator may read it; else what
        CertificateAuthority.issue raises.
        """
        try:
            return self._issue(order, principal, now)
        except ChallengeRejected as error:
            # There is no challenge here: it is the authority that will not answer the same request again.
            reason = f"{error.reason}; make a new request, with a new key"
            raise PolicyViolation(reason, public=f"The order: {reason}.") from None
        except RequestError as error:
            raise type(error)(error.reason, public=f"The order: {error.reason}.") from None

    def _issue(self, order: DirectOrder, principal: str, now: datetime) -> Issued:
        profile = self.profiles.get(order.profile)
        if profile is None:
            known = ", ".join(self.profiles.profiles)
            raise refusal("profile is not known", f"{quoted(order.profile)}, not one of {known}")
        check_owner(profile, order.user)
        check_validity(profile, order.validity_days)
        request = CertificateRequest.from_der(order.der(), allow_legacy=profile.legacy_algorithms)
        _check_extensions(request)
        validity = timedelta(days=order.validity_days) if order.validity_days else None
        template = profile.authorize(request, now=now, backdate=self.backdate, validity=validity)
        authority = self.authorities(profile.ca)
        ordered = _order(order, profile, request, principal, now, authority)
        return authority.issue(template, ordered, now=now)


def _order(
    order: DirectOrder,
    profile: Profile,
    request: CertificateRequest,
    principal: str,
    now: datetime,
    authority: IssuingAuthority,
) -> Order:
    """Yesterday's if it was served less than 24 h ago, else today's: after a day the same request, of a server
    that keeps its key, is a new one."""

    def on(day: date) -> Order:
        return Order(
            identity=_identity(profile, request, day),
            profile=profile.name,
            vouched_by=f"administrator:{principal}",
            device=order.device,
            user=order.user,
            request=request.der,
        )

    yesterday = on(now.date() - timedelta(days=1))
    claim = authority.find_claim(yesterday, request.subject)
    if claim is not None and now - claim.claimed_at <= REPEAT_WINDOW:
        return yesterday
    return on(now.date())


def _identity(profile: Profile, request: CertificateRequest, day: date) -> str:
    content = hashlib.sha256(b"\0".join((profile.name.encode(), request.der))).hexdigest()
    return f"direct:{day:%Y%m%d}:{content}"


def _check_extensions(request: CertificateRequest) -> None:
    unheeded = sorted(request.extensions.keys() - _HEEDED)
    if unheeded:
        raise refusal(
            "csr asks for an extension that no certificate gets from a request", ", ".join(unheeded)
        )
