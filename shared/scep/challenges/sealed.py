"""Sealed challenges: what a named caller vouched for, encrypted and authenticated for ourselves (Fernet).

The device carries the challenge without being able to read it. Keys rotate: the first seals, all open.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import ChallengeRejected
from shared.scep.challenges.comparison import check_promise
from shared.scep.challenges.promise import ChallengePromise
from shared.scep.ports import EnrollmentAttempt, LateChallenge, Vouching

MAX_CHALLENGE_LENGTH = 8 * 1024
_VERSION = 0x80
_FIXED_OCTETS = 1 + 8 + 16 + 32  # version, time, initialisation vector, HMAC: https://github.com/fernet/spec
_BLOCK = 16


class SealedChallenges:
    """Seals promises and, as a ChallengeValidator, opens them. ValueError without keys or for a wrong one."""

    def __init__(self, fernet_keys: Sequence[str | bytes]) -> None:
        if not fernet_keys:
            raise ValueError("sealed challenges need at least one key")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in fernet_keys])
        except ValueError:
            raise ValueError("a key for sealed challenges is not 32 octets in URL-safe base64") from None

    def mint(self, promise: ChallengePromise) -> str:
        """The challenge that stands for the promise: a few hundred ASCII characters.

        Raises ValueError if the promise is too long to be a challenge.
        """
        sealed = self._fernet.encrypt_at_time(promise.pack(), int(promise.minted_at.timestamp())).decode(
            "ascii"
        )
        if len(sealed) > MAX_CHALLENGE_LENGTH:
            raise ValueError("the promise is too long to be sealed")
        return sealed

    def open(self, challenge: str) -> ChallengePromise:
        """The promise in a challenge, whatever its age. Raises ChallengeRejected."""
        _check_shape(challenge)
        try:
            packed = self._fernet.decrypt(challenge)
        except InvalidToken:
            raise ChallengeRejected(
                "sealed challenge: sealed with a key that is not ours, or altered"
            ) from None
        return ChallengePromise.unpack(packed)

    def validate(self, attempt: EnrollmentAttempt) -> Vouching:
        """Who vouched, if the request is the one that was promised.

        Raises ChallengeRejected, LateChallenge if only its time is over, PolicyViolation, AlgorithmRefused.
        """
        promise = self.open(attempt.challenge)
        attempt.timeline.note("device", promise.device)
        attempt.timeline.note("user", promise.user)
        check_promise(promise, attempt)
        vouching = _vouching(promise)
        if promise.has_expired(attempt.now):
            raise LateChallenge(f"sealed challenge {promise.id}: expired at {promise.expires_at}", vouching)
        return vouching

    def __repr__(self) -> str:
        return "SealedChallenges()"


def _vouching(promise: ChallengePromise) -> Vouching:
    return Vouching(
        identity=promise.id,
        vouched_by=f"sealed:{promise.caller}",
        device=promise.device,
        user=promise.user,
        minted_at=promise.minted_at,
        validity=timedelta(days=promise.validity_days) if promise.validity_days else None,
    )


def _check_shape(challenge: str) -> None:
    """Raises ChallengeRejected for what cannot be a sealed challenge, before any key is tried."""
    if not challenge:
        raise ChallengeRejected("sealed challenge: there is none")
    if len(challenge) > MAX_CHALLENGE_LENGTH:
        raise ChallengeRejected(f"sealed challenge: unreadable, {len(challenge)} characters")
    try:
        token = urlsafe_b64decode(challenge.encode("ascii"))
    except (Base64Error, ValueError):
        raise ChallengeRejected("sealed challenge: unreadable, not base64") from None
    if (
        token[:1] != bytes((_VERSION,))
        or len(token) <= _FIXED_OCTETS
        or (len(token) - _FIXED_OCTETS) % _BLOCK
    ):
        raise ChallengeRejected("sealed challenge: unreadable, not of the sealed form")
