"""Minting: a named caller, known by its secret, orders a challenge within its profiles, names and rate."""

from __future__ import annotations

import math
import secrets as randomness
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import ChallengeRejected, PolicyViolation, RateExceeded
from shared.policy.callers import Caller
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.policy.refusal import quoted
from shared.scep.challenges.promise import ChallengePromise
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.named_secrets import NamedSecrets
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

    Rates are counted per worker process. ValueError if a caller's secret is missing, short or used twice.
    """

    def __init__(
        self,
        profiles: Profiles,
        secrets: Mapping[str, str],
        sealed: SealedChallenges,
        random: Callable[[int], bytes] = randomness.token_bytes,
    ) -> None:
        self._profiles, self._sealed, self._random = profiles, sealed, random
        self._callers = {caller.name: caller for caller in profiles.callers}
        self._secrets = NamedSecrets.for_names("callers", list(self._callers), secrets)
        self._rates: dict[str, RateLimitItem] = {
            name: parse(caller.rate) for name, caller in self._callers.items()
        }
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def mint(self, secret: str, body: bytes, *, now: datetime) -> MintedChallenge:
        """Serve an order (JSON of a ChallengeOrder) from whoever holds `secret`.

        Raises ChallengeRejected for an unknown secret, RateExceeded, MalformedMessage, PolicyViolation.
        """
        caller = self._caller(secret)
        self._count(caller)
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

    def _caller(self, secret: str) -> Caller:
        name = self._secrets.find(secret)
        if name is None:
            reason = "order for a challenge: no caller has this secret"
            raise ChallengeRejected(reason, public="The caller is not known.")
        return self._callers[name]

    def _count(self, caller: Caller) -> None:
        rate = self._rates[caller.name]
        if not self._limiter.hit(rate, caller.name):
            reset = self._limiter.get_window_stats(rate, caller.name).reset_time
            wait = max(1, math.ceil(reset - time.time()))  # the limiter keeps its own clock
            raise RateExceeded(f"caller {caller.name}: more than {caller.rate}", retry_after=wait)

    def _profile(self, caller: Caller, order: ChallengeOrder) -> Profile:
        profile = self._profiles.get(order.profile)
        if profile is None or order.profile not in caller.profiles:
            reason = f"caller {caller.name} may not order for profile {quoted(order.profile)}"
            raise PolicyViolation(reason, public="The order: this caller may not order for that profile.")
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
        return f"ChallengeMint({', '.join(self._callers)})"
