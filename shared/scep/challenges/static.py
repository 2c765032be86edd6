"""Static challenges: named shared secrets, each for some profiles and names, until a day, so many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from shared.errors import ChallengeRejected
from shared.policy.callers import StaticChallenge
from shared.scep.named_secrets import NamedSecrets
from shared.scep.ports import EnrollmentAttempt, LateChallenge, Vouching
from shared.store.ports import UseCounter


class StaticChallenges:
    """A ChallengeValidator. `secrets` are by the names of `entries`.

    Raises ValueError if a secret is missing, shorter than 16 characters or used twice.
    """

    def __init__(
        self, entries: Sequence[StaticChallenge], secrets: Mapping[str, str], counter: UseCounter
    ) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._secrets = NamedSecrets.for_names("static challenges", list(self._entries), secrets)
        self._counter = counter

    def validate(self, attempt: EnrollmentAttempt) -> Vouching:
        """Raises ChallengeRejected, LateChallenge if only its time is over, StoreUnavailable.

        PolicyViolation or AlgorithmRefused if the entry's names or the profile do not allow the request.
        """
        name = self._secrets.find(attempt.challenge)
        if name is None:
            raise ChallengeRejected("static challenge: none has this secret")
        entry = self._entries[name]
        entry.check(attempt.profile.name, attempt.request.subject, attempt.request.sans)
        vouching = Vouching(identity=request_identity(attempt), vouched_by=f"static:{name}")
        if entry.has_expired(attempt.now):
            raise LateChallenge(f"static challenge {name}: expired after {entry.expires}", vouching)
        if entry.max_uses is not None:
            _ = attempt.grant  # a request that policy refuses must not cost a use
            if not self._counter.take(name, vouching.identity, entry.max_uses):
                reason = f"static challenge {name}: all {entry.max_uses} uses are taken"
                raise ChallengeRejected(reason, public="The challenge is used up.")
        return vouching

    def __repr__(self) -> str:
        return f"StaticChallenges({', '.join(self._entries)})"


def request_identity(attempt: EnrollmentAttempt) -> str:
    """Hexadecimal digest of what a repeat shares with its request: transaction id, key, challenge."""
    challenge = sha256(attempt.challenge.encode("utf-8", "surrogatepass")).hexdigest()
    parts = (attempt.transaction_id, attempt.request.key_hash, challenge)
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
