"""Secrets kept outside: a port. Each write makes a new version, and versions live side by side until they end.

`memory_secrets` is the reference implementation, `vault_secrets` Key Vault's; tests/keys holds both to one promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

MOST_OCTETS: Final = 25_000


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version of a secret, without its value. Times are aware, UTC, whole seconds, by the store's clock."""

    version: str
    created_at: datetime
    ends_at: datetime | None = None
    enabled: bool = True

    def is_alive(self, now: datetime) -> bool:
        """Whether it can be read and has not ended."""
        return self.enabled and (self.ends_at is None or now < self.ends_at)


class SecretStore(Protocol):
    """Secrets by name: letters, digits and hyphens. Every method may raise KeyUnavailable."""

    def versions(self, name: str) -> list[SecretVersion]:
        """All versions, oldest first by `created_at`; none if there is no such secret."""

    def current(self, name: str) -> str | None:
        """The value of the version that was written last, None if there is no such secret. Raises
        KeyUnavailable where that version is disabled."""

    def read(self, name: str, version: str) -> str:
        """The value of one version. Raises KeyUnavailable where it is disabled or not there."""

    def add(
        self, name: str, value: str, *, media_type: str, ends_at: datetime | None = None
    ) -> SecretVersion:
        """Write a new version; those before stay as they are. Raises IssuanceFault for a value of more than
        MOST_OCTETS, or none."""
