"""Secrets that identify who presents them, compared in constant time and never shown."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

MIN_SECRET_LENGTH = 16


class NamedSecrets:
    """Secrets by name. Raises ValueError, naming the name only, if one is short or two are the same."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        for name, secret in secrets.items():
            if len(secret) < MIN_SECRET_LENGTH:
                raise ValueError(f"the secret of {name} is shorter than {MIN_SECRET_LENGTH} characters")
        self._digests = {name: _digest(secret) for name, secret in secrets.items()}
        if len(set(self._digests.values())) != len(self._digests):
            raise ValueError("two names have the same secret, so it would not tell them apart")

    @classmethod
    def for_names(cls, kind: str, names: list[str], secrets: Mapping[str, str]) -> NamedSecrets:
        """The secrets of exactly `names`; ValueError if one has none. Secrets of other names are left out."""
        missing = [name for name in names if name not in secrets]
        if missing:
            raise ValueError(f"{kind} without a secret: {', '.join(missing)}")
        return cls({name: secrets[name] for name in names})

    def find(self, presented: str) -> str | None:
        """The name whose secret is `presented`. Takes equally long for each: every one is compared."""
        digest, found = _digest(presented), None
        for name, expected in self._digests.items():
            if hmac.compare_digest(digest, expected):
                found = name
        return found

    def __repr__(self) -> str:
        return f"NamedSecrets({', '.join(self._digests)})"


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
