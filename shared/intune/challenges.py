"""The challenge mode "intune": whether a request is allowed is Intune's to say, for it made the challenge."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import ChallengeRejected
from shared.intune.client import IntuneClient
from shared.intune.owners import device_of, user_of
from shared.intune.verdicts import EXPIRED, IntuneRejection
from shared.scep.challenges.static import request_identity
from shared.scep.ports import EnrollmentAttempt, LateChallenge, Vouching


class IntuneChallenges:
    """A ChallengeValidator. `clients` are by integration."""

    def __init__(self, clients: Mapping[str, IntuneClient]) -> None:
        self._clients = clients

    def validate(self, attempt: EnrollmentAttempt) -> Vouching:
        """Every request goes to Intune, a repeat too, and as the very bytes that were received: its signature covers
        the challenge.

        Raises IntuneRejection, LateChallenge if the challenge has expired, IntuneUnavailable, CallRefused.
        """
        vouching = _vouching(attempt)
        attempt.timeline.note("device", vouching.device)
        attempt.timeline.note("user", vouching.user)
        client = client_of(self._clients, attempt.profile.integration)
        outcome = client.validate(attempt.transaction_id, attempt.request.der)
        if outcome.code == EXPIRED:
            raise LateChallenge(f"Intune: {outcome.reason()}", vouching)
        if not outcome.accepted:
            raise IntuneRejection(outcome)
        return vouching


def _vouching(attempt: EnrollmentAttempt) -> Vouching:
    """What Intune's word is good for, if it gives it."""
    profile, request = attempt.profile, attempt.request
    return Vouching(
        identity=request_identity(attempt),
        vouched_by=f"intune:{profile.integration}",
        device=device_of(request.subject, request.sans, profile.holder),
        user=user_of(request.subject, request.sans, profile.holder),
    )


def client_of(clients: Mapping[str, IntuneClient], integration: str) -> IntuneClient:
    """Raises ChallengeRejected for an integration that has no settings."""
    client = clients.get(integration)
    if client is None:
        raise ChallengeRejected(f"integration {integration} has no settings")
    return client
