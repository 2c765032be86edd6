"""What SCEP asks of the rest of the house: who vouches for a request, who is told of the outcome, who takes notes,
and where CRLs are published."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal, Protocol

from shared.ca.authority import Issued, Order
from shared.errors import ChallengeRejected, RequestError
from shared.policy.authorization import Grant
from shared.policy.profile import Profile
from shared.scep.message import FailInfo
from shared.x509.certificate import CertificateTemplate
from shared.x509.request import CertificateRequest

Fact = Literal["transaction", "operation", "status", "serial", "subject", "device", "user"]


class Timeline(Protocol):
    """Where one exchange notes what it does, for administrators to read. It never raises and never waits.

    Nothing secret may be noted: no challenge, no key, no request. Reasons of errors are fit for the log, so for this.
    """

    def step(self, name: str) -> AbstractContextManager[None]:
        """Times what happens inside, and notes the error that leaves it."""

    def note(self, fact: Fact, value: str) -> None:
        """A fact as soon as it is known; the last word counts. `status` is a PKIStatus by name."""

    def refused(self, error: RequestError, fail_info: str) -> None:
        """The exchange ends with a CertRep FAILURE that says `fail_info`."""


_NOTHING: Final = nullcontext()


class Untraced:
    """A Timeline that notes nothing."""

    def step(self, name: str) -> AbstractContextManager[None]:
        return _NOTHING

    def note(self, fact: Fact, value: str) -> None: ...

    def refused(self, error: RequestError, fail_info: str) -> None: ...


UNTRACED: Final = Untraced()


@dataclass(frozen=True)
class EnrollmentAttempt:
    """One request with its circumstances, as a validator sees it. `transaction_id` is the client's choice."""

    request: CertificateRequest
    challenge: str
    transaction_id: str
    profile: Profile
    now: datetime
    timeline: Timeline = UNTRACED

    @cached_property
    def grant(self) -> Grant:
        """What the profile grants to the request; worked out once, whoever asks first.

        Raises PolicyViolation, AlgorithmRefused, MalformedMessage.
        """
        return self.profile.grant(self.request)


@dataclass(frozen=True, slots=True)
class Vouching:
    """What a validated challenge says: the request's identity, for whom, and on whose word.

    `identity` names the request (a repeat has the same); `device` and `user` are the owner's ids, empty if unknown;
    `vouched_by` goes on record (`sealed:<caller>`, `static:<name>`, `intune`).
    """

    identity: str
    vouched_by: str
    device: str = ""
    user: str = ""
    minted_at: datetime | None = None
    validity: timedelta | None = None


class LateChallenge(ChallengeRejected):
    """An authentic challenge that has ended. Whoever was served in time may still fetch what it got then."""

    def __init__(self, reason: str, vouching: Vouching) -> None:
        super().__init__(reason, public="The challenge has expired.")
        self.vouching = vouching


class ChallengeRefused(ChallengeRejected):
    """A challenge that whoever decides has refused for a reason with a failInfo of its own."""

    def __init__(self, reason: str, *, public: str, fail_info: FailInfo) -> None:
        super().__init__(reason, public=public)
        self.fail_info = fail_info


class ChallengeValidator(Protocol):
    """One way of deciding whether a challenge allows a request. A profile names the validator it trusts."""

    def validate(self, attempt: EnrollmentAttempt) -> Vouching:
        """Raises ChallengeRejected (LateChallenge when only the time is over); IntuneUnavailable or
        StoreUnavailable when somebody is away."""


class CRLReader(Protocol):
    """Where published CRLs are read."""

    def read(self, issuer: str) -> bytes | None:
        """The CRL (DER) of an issuer, by id; None if it has published none. Raises StoreUnavailable."""


class RequestSeal(Protocol):
    """Certification requests in storage: they carry challenges, so they lie there encrypted."""

    def seal(self, request: bytes) -> bytes:
        """`request`, encrypted and authenticated."""

    def open(self, sealed: bytes) -> bytes:
        """What was sealed. Raises MalformedMessage."""


class EnrollmentReporter(Protocol):
    """Who must have heard of an outcome before the device does (Intune), for the modes that have somebody like that.

    It issues itself, since what must be on record before and after depends on whom it reports to.
    """

    def issue(self, attempt: EnrollmentAttempt, template: CertificateTemplate, order: Order) -> Issued:
        """Issue, or find what the order got before, and return once the issuance is acknowledged; then only it may
        leave. Raises as CertificateAuthority.issue, and RequestError if it is not acknowledged: it is then revoked,
        and the same request may come again."""

    def find_repeat(self, attempt: EnrollmentAttempt, order: Order) -> Issued | None:
        """What the order got before, acknowledged; None if it was never served. Raises as `issue`."""

    def report_failure(self, attempt: EnrollmentAttempt, order: Order, error: Exception) -> None:
        """A request that was allowed ends in `error`. Never raises."""
