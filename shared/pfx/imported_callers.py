"""Who may order deliveries over HTTP: callers of the policy file, known by their secrets and held to their rates."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import ChallengeRejected, RateExceeded
from shared.policy.callers import Caller


class Secrets(Protocol):
    """Names by secrets, compared in constant time."""

    def find(self, presented: str) -> str | None:
        """The name whose secret is presented."""


class PFXCallers:
    """Callers with the permission `pfx`. Rates are counted per worker process."""

    def __init__(self, callers: Sequence[Caller], secrets: Secrets) -> None:
        self._callers: Mapping[str, Caller] = {caller.name: caller for caller in callers if caller.pfx}
        self._secrets = secrets
        self._rates: dict[str, RateLimitItem] = {
            name: parse(caller.rate) for name, caller in self._callers.items()
        }
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, secret: str, *, counted: bool = True) -> Caller:
        """The caller that has the secret. Raises ChallengeRejected, RateExceeded."""
        caller = self._callers.get(self._secrets.find(secret) or "")
        if caller is None:
            raise ChallengeRejected(
                "PFX request: no caller with pfx has this secret", public="The caller is not known."
            )
        if counted:
            self._count(caller)
        return caller

    def _count(self, caller: Caller) -> None:
        rate = self._rates[caller.name]
        if not self._limiter.hit(rate, caller.name):
            reset = self._limiter.get_window_stats(rate, caller.name).reset_time
            wait = max(1, math.ceil(reset - time.time()))  # the limiter keeps its own clock
            raise RateExceeded(
                f"caller {caller.name}: more than {caller.rate} PFX requests", retry_after=wait
            )
