"""The reference implementation of the secret store: for tests, and as the definition of what versions are."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.secrets import MOST_OCTETS, SecretVersion


class MemorySecretStore:
    """Thread-safe. `clock` is the store's."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock, self._lock = clock, Lock()
        self._kept: dict[str, dict[str, tuple[SecretVersion, str]]] = {}

    def versions(self, name: str) -> list[SecretVersion]:
        with self._lock:
            return [version for version, _ in self._kept.get(name, {}).values()]

    def current(self, name: str) -> str | None:
        with self._lock:
            kept = list(self._kept.get(name, ()))
        return self.read(name, kept[-1]) if kept else None

    def read(self, name: str, version: str) -> str:
        with self._lock:
            kept = self._kept.get(name, {}).get(version)
        if kept is None or not kept[0].enabled:
            raise KeyUnavailable(f"read {name}/{version}: there is no such version, or it is disabled")
        return kept[1]

    def add(
        self, name: str, value: str, *, media_type: str, ends_at: datetime | None = None
    ) -> SecretVersion:
        if not 0 < len(value.encode()) <= MOST_OCTETS:
            raise IssuanceFault(f"write {name}: a value of {len(value.encode())} octets")
        made = SecretVersion(secrets.token_hex(16), self._clock().replace(microsecond=0), ends_at)
        with self._lock:
            self._kept.setdefault(name, {})[made.version] = made, value
        return made

    def enable(self, name: str, version: str, enabled: bool) -> None:
        """What an administrator may do with a version."""
        with self._lock:
            kept, value = self._kept[name][version]
            self._kept[name][version] = replace(kept, enabled=enabled), value
