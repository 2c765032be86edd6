"""A vault and how it is asked: within its limits, again where that helps, and to an end in a client's patience.

A device on the line gives up after some ten seconds and comes again, so a call that a vault does not serve ends in
KeyUnavailable before that. The SDK never tries again by itself: every call counts against the vault's limit.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from azure.core.exceptions import AzureError

from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.throttle import BudgetSpent, Throttle
from shared.keys.vault_budget import Budget, is_managed_hsm
from shared.keys.vault_faults import Act, Kind, Trouble, trouble_of, unreadable
from shared.keys.vault_transport import READ_SECONDS

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyClient, KeyVaultKey
    from azure.keyvault.keys.crypto import CryptographyClient
    from azure.keyvault.secrets import SecretClient

_SHORTEST_ATTEMPT: Final = 1.0  # seconds; with less left it is too late for another one
_FIRST_PAUSE: Final = 0.2
_LONGEST_RETRY_AFTER: Final = 60.0

log = logging.getLogger("scepter.vault")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clock:
    """What waiting needs of the machine."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


class Vault:
    """One vault: its budget and its clients. Thread-safe."""

    def __init__(
        self, url: str, *, budget: Budget, patience: float, clock: Clock, options: dict[str, Any]
    ) -> None:
        self.url = url
        self._patience, self._clock, self._options = patience, clock, options
        rate = math.inf if is_managed_hsm(url) else budget.rate
        self.throttle = Throttle(rate, clock=clock.now, sleep=clock.sleep)

    @cached_property
    def keys(self) -> KeyClient:
        """The SDK's client of this vault's keys."""
        from azure.keyvault.keys import KeyClient

        return KeyClient(self.url, **self._options)

    @cached_property
    def secrets(self) -> SecretClient:
        """The SDK's client of this vault's secrets."""
        from azure.keyvault.secrets import SecretClient

        return SecretClient(self.url, **self._options)

    def cryptography(self, key: KeyVaultKey) -> CryptographyClient:
        """The SDK's client that signs and decrypts with one version of a key."""
        from azure.keyvault.keys.crypto import CryptographyClient

        return CryptographyClient(key, **self._options)

    def ask(self, act: Act, cost: float, send: Callable[[float], T]) -> T:
        """What `send(seconds)` brings, which is one call that waits no longer than that for its answer.

        Raises KeyUnavailable; IssuanceFault when the vault calls the request wrong.
        """
        deadline = self._clock.now() + self._patience
        attempt, trouble = 0, None
        while True:
            self._wait_for_room(act, cost, deadline, trouble)
            asked_at = self._clock.now()
            try:
                return send(min(READ_SECONDS, max(deadline - asked_at, _SHORTEST_ATTEMPT)))
            except AzureError as error:
                trouble = trouble_of(error, act)
            except ValueError as error:
                trouble = unreadable(error, act)
            except (AttributeError, TypeError):  # the SDK's, where an answer is JSON of another form
                trouble = Trouble(Kind.AWAY, f"{act}: the answer cannot be read")
            if trouble.kind is Kind.BUSY:
                self._slow_down(trouble, asked_at, attempt)
            else:
                self._pause(trouble, deadline, attempt)
            attempt += 1

    def _wait_for_room(self, act: Act, cost: float, deadline: float, trouble: Trouble | None) -> None:
        try:
            self.throttle.take(cost, deadline)
        except BudgetSpent as spent:
            reason = trouble.reason if trouble else f"{act}: more is asked for than the vault allows"
            raise self._unavailable(reason, spent.seconds - self._patience) from None

    def _slow_down(self, trouble: Trouble, asked_at: float, attempt: int) -> None:
        pause = trouble.pause or float(2**attempt)
        if self.throttle.slow_down(pause, asked_at=asked_at):
            share = self.throttle.factor
            log.warning("%s; nothing for %d s, then %.0f %% of our share", trouble.reason, pause, share * 100)

    def _pause(self, trouble: Trouble, deadline: float, attempt: int) -> None:
        if trouble.kind is Kind.WRONG:
            raise IssuanceFault(trouble.reason)
        if trouble.kind is Kind.REFUSED:
            raise KeyUnavailable(trouble.reason)
        pause = max(trouble.pause, _FIRST_PAUSE * 2**attempt * (0.5 + self._clock.random()))
        if self._clock.now() + pause + _SHORTEST_ATTEMPT > deadline:
            raise self._unavailable(trouble.reason, trouble.pause)
        log.warning("%s; trying again", trouble.reason)
        self._clock.sleep(pause)

    def _unavailable(self, reason: str, seconds: float) -> KeyUnavailable:
        """Nothing before `seconds`; then those who were sent away come again at different times."""
        later = min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) + self._patience / 2
        return KeyUnavailable(reason, retry_after=math.ceil(later * (1 + self._clock.random() / 2)))
