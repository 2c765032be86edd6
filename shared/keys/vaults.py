"""Every vault that a process asks: one pool of connections, one identity, one patience."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from shared.keys.vault_budget import Budget
from shared.keys.vault_client import Clock, Vault
from shared.keys.vault_transport import VaultTransport

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

PATIENCE_SECONDS: Final = 8.0
_API_VERSION: Final = "7.4"  # not the SDKs' newest, which other clouds, managed HSMs and emulators have later

_QUIET: Final = logging.getLogger("scepter.vault.http")
_QUIET.setLevel(logging.WARNING)


@dataclass(frozen=True)
class Vaults:
    """Every vault that this process asks, each made once. Whoever brings the `transport` closes it.

    `audience` replaces what a vault's challenge says about tokens, and is all that tokens are then asked for:
    for hosts whose name is not that of their audience.
    """

    credential: TokenCredential
    transport: VaultTransport
    budget: Budget = field(default_factory=Budget)
    patience: float = PATIENCE_SECONDS
    audience: str = ""
    clock: Clock = field(default_factory=Clock)
    _vaults: dict[str, Vault] = field(default_factory=dict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def at(self, url: str) -> Vault:
        """The vault with this URL."""
        with self._lock:
            if url not in self._vaults:
                self._vaults[url] = Vault(
                    url, budget=self.budget, patience=self.patience, clock=self.clock, options=self._options
                )
            return self._vaults[url]

    @cached_property
    def _options(self) -> dict[str, Any]:
        credential = _PinnedAudience(self.credential, self.audience) if self.audience else self.credential
        return {
            "credential": credential,
            "verify_challenge_resource": not self.audience,
            "transport": self.transport,
            "retry_total": 0,
            "api_version": _API_VERSION,
            "logger": _QUIET,
        }


class _PinnedAudience:
    """A credential that asks for one audience, whatever the vault's challenge names."""

    def __init__(self, credential: TokenCredential, audience: str) -> None:
        self._credential, self._scope = credential, f"{audience.rstrip('/')}/.default"

    def get_token(
        self, *_: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False
    ) -> AccessToken:
        """As azure.core.credentials.TokenCredential."""
        return self._credential.get_token(
            self._scope, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae
        )
