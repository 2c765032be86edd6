"""The key of a delivery: its id, encrypted and authenticated for ourselves (Fernet). Who has it may fetch that one."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import ChallengeRejected

_PURPOSE = b"delivery\x00"  # sealed challenges are by the same keys: one is never taken for the other
_LONGEST = 1024


class DeliveryKeys:
    """Keys rotate: the first seals, all open. ValueError without keys or for a wrong one."""

    def __init__(self, fernet_keys: Sequence[str | bytes]) -> None:
        if not fernet_keys:
            raise ValueError("keys of deliveries need at least one key")
        self._fernet = MultiFernet([Fernet(key) for key in fernet_keys])

    def seal(self, delivery: str) -> str:
        """A key for the delivery; each call gives another one, and all are good."""
        return self._fernet.encrypt(_PURPOSE + delivery.encode()).decode("ascii")

    def check(self, delivery: str, key: str) -> None:
        """Returns if `key` is one of that delivery. Raises ChallengeRejected."""
        try:
            opened = self._fernet.decrypt(key.encode("ascii")) if len(key) <= _LONGEST else b""
        except (InvalidToken, UnicodeEncodeError):
            opened = b""
        if not hmac.compare_digest(opened, _PURPOSE + delivery.encode("utf-8", "surrogatepass")):
            raise ChallengeRejected("a delivery was asked for without its key", public="This is not its key.")

    def __repr__(self) -> str:
        return "DeliveryKeys()"
