"""Whether a tenant is set up as it has to be: permissions, services, clocks, one dry validation, and who gets the CA's
certificates. Each line is made by asking; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared.errors import PKIError
from shared.intune.client import CONNECTOR_SERVICE, SCEP_SERVICE, IntuneClient
from shared.intune.graph_call import call
from shared.intune.setup.reach import Reach
from shared.intune.setup.roles import Role

_SKEW_SECONDS: Final = 120
_NO_CHALLENGE: Final = "ChallengePasswordMissing"
_GRANT: Final = "manage.py intune grant, then wait: tokens of a managed identity last up to a day"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `error` is the class of what went wrong, where that says what to do."""

    what: str
    ok: bool
    text: str
    remedy: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class SetupCheck:
    """Of one integration. `roles` are Graph's that it needs; `reach` is one for each CA that issues for it, none
    where Graph's beta is not asked."""

    client: IntuneClient
    roles: Sequence[Role]
    reach: Sequence[Reach]
    clock: Callable[[], datetime]

    def run(self) -> Iterator[Line]:
        """Everything, one after the other; what fails does not keep the rest from being looked at."""
        yield self._services()
        yield self._time()
        for role in self.roles:
            if role.probe:
                yield self._permission(role)
        yield self._dry_validation()
        for reach in self.reach:
            yield from self._reached(reach)

    def _services(self) -> Line:
        what = "discovery (Application.Read.All)"
        try:
            found = self.client.services()
        except PKIError as error:
            return _failed(what, error)
        missing = [name for name in (SCEP_SERVICE, CONNECTOR_SERVICE) if name.lower() not in found]
        if missing:
            text = f"the tenant has no service {' and '.join(missing)}"
            return Line(
                what, False, text, "Intune's licence in the tenant, and the role scep_challenge_provider"
            )
        return Line(what, True, f"{len(found)} services, both of ours among them")

    def _time(self) -> Line:
        tenant = self.client.tenant
        try:
            answer = call(self.client.wire, "GET", tenant.endpoints_url, "Application.Read.All")
            skew = abs((parsedate_to_datetime(answer.date) - self.clock()).total_seconds())
        except PKIError as error:
            return _failed("time", error)
        except (TypeError, ValueError):
            return Line(
                "time", False, "Graph's answer has no date", "a proxy on the way that changes answers"
            )
        text = f"{skew:.0f} s from Graph's clock"
        remedy = "the clock of the machine that the app runs on"
        return Line("time", True, text) if skew <= _SKEW_SECONDS else Line("time", False, text, remedy)

    def _permission(self, role: Role) -> Line:
        tenant, what = self.client.tenant, f"permission {role.value}"
        version = "beta" if "deviceConfigurations" in role.probe else ""
        try:
            call(self.client.wire, "GET", tenant.graph(role.probe, version=version), role.value)
        except PKIError as error:
            return _failed(what, error)
        return Line(what, True, "granted")

    def _dry_validation(self) -> Line:
        """A request without a challenge: Intune has to say just that of it."""
        what = "dry validation (scep_challenge_provider)"
        try:
            outcome = self.client.validate(f"check-{uuid4()}", _request())
        except PKIError as error:
            return _failed(what, error)
        if outcome.accepted:
            text = "Intune accepts a request without a challenge"
            return Line(
                what, False, text, "do not enrol; is GRAPH_URL, or what discovery finds, really Microsoft's?"
            )
        if outcome.code != _NO_CHALLENGE:
            return Line(what, True, f"Intune answers {outcome.code}, where {_NO_CHALLENGE} was expected")
        return Line(what, True, "Intune answers, and refuses a request without a challenge")

    def _reached(self, reach: Reach) -> Iterator[Line]:
        try:
            yield from (Line(gap.what, gap.ok, gap.text, gap.remedy) for gap in reach.gaps(self.client.wire))
        except PKIError as error:
            yield _failed("assignments", error)


def _failed(what: str, error: PKIError) -> Line:
    remedy = _GRANT if type(error).__name__ == "PermissionMissing" else ""
    return Line(what, False, error.reason, remedy, type(error).__name__)


def _request() -> bytes:
    """A PKCS #10 request of nobody, in DER."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scepter-check")])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .sign(key, SHA256())
        .public_bytes(Encoding.DER)
    )
