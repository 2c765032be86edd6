"""Promises and attempts for the tests of challenges: what a test wants different is an argument."""

from __future__ import annotations

from datetime import timedelta

from cryptography.fernet import Fernet

from shared.policy.profile import Profile
from shared.scep.challenges.promise import ChallengePromise
from shared.scep.ports import EnrollmentAttempt
from shared.x509.request import CertificateRequest
from tests.policy.material import NOW, make_profile, make_request

KEY, FORMER_KEY, OTHER_KEY = (Fernet.generate_key() for _ in range(3))
SUBJECT = "CN=laptop-1,O=Example"
SANS = ("dns:laptop-1.example.org", "dns:laptop-1")
MINUTE = timedelta(minutes=1)
REQUEST = make_request(SUBJECT, SANS)
PROFILE = make_profile()


def make_promise(**fields: object) -> ChallengePromise:
    """A promise for `REQUEST`, with `fields` instead of its own."""
    values: dict[str, object] = {
        "id": "challenge-1",
        "profile": "device",
        "caller": "demo",
        "minted_at": NOW,
        "expires_at": NOW + 60 * MINUTE,
        "subject": SUBJECT,
        "sans": SANS,
        "device": "device-1",
    }
    return ChallengePromise.model_validate(values | fields)


def make_attempt(
    challenge: str,
    *,
    request: CertificateRequest = REQUEST,
    profile: Profile = PROFILE,
    transaction_id: str = "transaction-1",
    after: timedelta = MINUTE,
) -> EnrollmentAttempt:
    """An attempt with `challenge`, `after` the minting."""
    return EnrollmentAttempt(request, challenge, transaction_id, profile, NOW + after)
