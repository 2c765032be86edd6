"""Minting: a named caller, known by its secret, orders a challenge within its profiles, names and rate."""

from __future__ import annotations

import secrets as randomness
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.errors import PolicyViolation
from shared.policy.callers import Caller
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.policy.refusal import quoted
from shared.scep.challenges.promise import ChallengePromise
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.known_callers import KnownCallers
from shared.scep.order import MAX_ORDER_BYTES, ChallengeOrder, check_order

__all__ = ["ChallengeMint", "ChallengeOrder", "MintedChallenge", "MAX_ORDER_BYTES"]


@dataclass(frozen=True, slots=True)
class MintedChallenge:
    """The challenge, which only its device should see, its id, and until when it can be used."""

    challenge: str = field(repr=False)
    id: str
    expires_at: datetime


class ChallengeMint:
    """Serves `POST /challenges`. `secrets` are by the callers' names; `random(n)` gives n octets.

    `callers` says who asks and how often. ValueError if a caller's secret is missing, short or used twice.
    """

    def __init__(
        self,
        profiles: Profiles,
        secrets: Mapping[str, str],
        sealed: SealedChallenges,
        random: Callable[[int], bytes] = randomness.token_bytes,
    ) -> None:
        self._profiles, self._sealed, self._random = profiles, sealed, random
        self.callers = KnownCallers(profiles.callers, secrets)

    def mint(self, secret: str, body: bytes, *, now: datetime) -> MintedChallenge:
        """Serve an order (JSON of a ChallengeOrder) from whoever holds `secret`.

        Raises ChallengeRejected for an unknown secret, RateExceeded, MalformedMessage, PolicyViolation.
        """
        caller = self.callers.admit(secret)
        return self.promise(caller, ChallengeOrder.parse(body), now=now)

    def promise(self, caller: Caller, order: ChallengeOrder, *, now: datetime) -> MintedChallenge:
        """A challenge for the order of a caller that is known already. Raises PolicyViolation."""
        profile = self._profile(caller, order)
        check_order(order, caller, profile)
        promise = self._compose(caller, order, profile, now)
        try:
            challenge = self._sealed.mint(promise)
        except ValueError as error:
            raise PolicyViolation(str(error), public="The order is too large for a challenge.") from None
        return MintedChallenge(challenge, promise.id, promise.expires_at)

    def _profile(self, caller: Caller, order: ChallengeOrder) -> Profile:
        profile = self._profiles.get(order.profile)
        if profile is None or order.profile not in caller.profiles:
            reason = f"caller {caller.name} may not order for profile {quoted(order.profile)}"
            raise PolicyViolation(reason, public="The order: this caller may not order for that profile.")
        if profile.challenge != "sealed":
            reason = (
                f"profile {profile.name} takes no challenges: its keys are ordered by POST /pkcs/requests"
            )
            raise PolicyViolation(reason, public=f"The order: {reason}.")
        return profile

    def _compose(
        self, caller: Caller, order: ChallengeOrder, profile: Profile, now: datetime
    ) -> ChallengePromise:
        minted_at = now.astimezone(UTC).replace(microsecond=0)
        minutes = order.lifetime_minutes or profile.challenge_lifetime
        return ChallengePromise(
            id=urlsafe_b64encode(self._random(16)).decode("ascii").rstrip("="),
            profile=profile.name,
            caller=caller.name,
            minted_at=minted_at,
            expires_at=minted_at + timedelta(minutes=minutes),
            subject=order.subject,
            sans=order.sans,
            key_usage=order.key_usage,
            extended_key_usage=order.extended_key_usage,
            key=order.key,
            device=order.device.lower(),
            user=order.user,
            validity_days=order.validity_days,
        )

    def __repr__(self) -> str:
        return f"ChallengeMint({', '.join(self.callers.names)})"
