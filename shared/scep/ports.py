"""What SCEP asks of the rest of the house: who vouches for a request, and who is told of the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import ChallengeRejected
from shared.policy.profile import Profile
from shared.x509.certificate import Certificate
from shared.x509.request import CertificateRequest


@dataclass(frozen=True, slots=True)
class EnrollmentAttempt:
    """One request with its circumstances, as a validator sees it. `transaction_id` is the client's choice."""

    request: CertificateRequest
    challenge: str
    transaction_id: str
    profile: Profile
    now: datetime


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


class ChallengeValidator(Protocol):
    """One way of deciding whether a challenge allows a request. A profile names the validator it trusts."""

    def validate(self, attempt: EnrollmentAttempt) -> Vouching:
        """Raises ChallengeRejected (LateChallenge when only the time is over); IntuneUnavailable or
        StoreUnavailable when somebody is away."""


class EnrollmentReporter(Protocol):
    """Who must know of an outcome before the device does (Intune)."""

    def report_success(self, attempt: EnrollmentAttempt, certificate: Certificate) -> None: ...

    def report_failure(self, attempt: EnrollmentAttempt, reason: str) -> None: ...
