"""Tokens of a directory that issues to everybody what they ask for, and how the fake vault reads them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from azure.core.credentials import AccessToken

AUDIENCE = "https://vault.azure.net"
TENANT = "11111111-2222-3333-4444-555555555555"


@dataclass
class FakeCredential:
    """As azure-identity's. `scopes` is what tokens were asked for."""

    principal: str = "app"
    life: int = 3600
    scopes: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        (scope,) = scopes
        self.scopes.append(scope)
        ends = int(time.time()) + self.life
        return AccessToken(f"fake|{self.principal}|{scope.removesuffix('/.default')}|{ends}", ends)


def principal_of(authorization: str) -> str | None:
    """Whose token a header carries; None if it is none for a vault, or has ended."""
    scheme, _, token = authorization.partition(" ")
    parts = token.split("|")
    if scheme != "Bearer" or len(parts) != 4 or parts[0] != "fake" or parts[2] != AUDIENCE:
        return None
    return parts[1] if int(parts[3]) > time.time() else None
