"""The callers of the policy file: known by their secrets, and how often each may order."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import ChallengeRejected, PolicyViolation, RateExceeded
from shared.policy.callers import Caller
from shared.policy.refusal import quoted
from shared.scep.named_secrets import NamedSecrets


class KnownCallers:
    """`secrets` are by the callers' names. Rates are counted per worker process. ValueError if a caller's secret is
    missing, short or used twice."""

    def __init__(self, callers: Sequence[Caller], secrets: Mapping[str, str]) -> None:
        self._callers = {caller.name: caller for caller in callers}
        self._secrets = NamedSecrets.for_names("callers", list(self._callers), secrets)
        self._rates: dict[str, RateLimitItem] = {
            name: parse(caller.rate) for name, caller in self._callers.items()
        }
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._callers)

    def admit(self, secret: str) -> Caller:
        """Whoever holds `secret`, once more. Raises ChallengeRejected for an unknown secret, RateExceeded."""
        caller = self.identify(secret)
        self.count(caller)
        return caller

    def identify(self, secret: str) -> Caller:
        """Whoever holds `secret`. Raises ChallengeRejected."""
        name = self._secrets.find(secret)
        if name is None:
            raise ChallengeRejected("an order: no caller has this secret", public="The caller is not known.")
        return self._callers[name]

    def named(self, name: str) -> Caller:
        """The caller of that name, for messages whose sender a role has let through. Raises PolicyViolation."""
        caller = self._callers.get(name)
        if caller is None:
            raise PolicyViolation(f"no caller {quoted(name)}", public="There is no such caller.")
        return caller

    def count(self, caller: Caller) -> None:
        """One order of the caller. Raises RateExceeded."""
        rate = self._rates[caller.name]
        if not self._limiter.hit(rate, caller.name):
            reset = self._limiter.get_window_stats(rate, caller.name).reset_time
            wait = max(1, math.ceil(reset - time.time()))  # the limiter keeps its own clock
            raise RateExceeded(f"caller {caller.name}: more than {caller.rate}", retry_after=wait)
