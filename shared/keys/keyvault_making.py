"""Making keys in a vault: what a ceremony does, with the identity of whoever holds it; the app never does.

A key that was made here cannot be exported, and signs and does nothing else. Successors are versions of one key, so a
role on the key is a role on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import ResourceNotFoundError

from shared.errors import IssuanceFault
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.ports import SigningKey
from shared.keys.vault_budget import OTHER_COST
from shared.keys.vault_faults import Act
from shared.keys.vault_names import VaultName
from shared.keys.vaults import Vaults

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyVaultKey

ALGORITHMS: Final = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521")
_ROLES: Final = ("Key Vault Crypto Officer", "Managed HSM Crypto Officer")


@dataclass(frozen=True)
class VaultKeyMaker:
    """Of the key `name`, which names no version; `hardware`: it is made in an HSM, and stays there."""

    vaults: Vaults
    keys: KeyVaultKeys
    name: VaultName
    hardware: bool = True

    def newest(self) -> SigningKey | None:
        """The version that was made last, None if there is no such key. Raises KeyUnavailable."""
        client = self.vaults.at(self.name.vault).keys

        def found(seconds: float) -> KeyVaultKey | None:
            try:
                return client.get_key(self.name.name, read_timeout=seconds)
            except ResourceNotFoundError:
                return None

        key = self.vaults.at(self.name.vault).ask(Act("read", self.name, *_ROLES), OTHER_COST, found)
        return None if key is None else self._pinned(key)

    def make(self, algorithm: str) -> SigningKey:
        """One more version; `algorithm` is one of ALGORITHMS. Raises KeyUnavailable, ValueError."""
        if algorithm not in ALGORITHMS:
            raise ValueError(f"key algorithm {algorithm!r} is not one of {', '.join(ALGORITHMS)}")
        if self.name.version:
            raise ValueError(f"{self.name} names a version; give the key's name alone")
        act = Act("create", self.name, *_ROLES)
        try:
            key = self.vaults.at(self.name.vault).ask(act, OTHER_COST, lambda _: self._create(algorithm))
        except IssuanceFault as fault:
            raise IssuanceFault(
                f"{fault.reason}; only a premium vault or a managed HSM makes keys in an HSM (--software)"
            ) from None
        return self._pinned(key)

    def _create(self, algorithm: str) -> KeyVaultKey:
        client, (family, size) = self.vaults.at(self.name.vault).keys, algorithm.split("-")
        # A version whose answer was lost is left over, and of no use to anybody.
        options: dict[str, Any] = {
            "hardware_protected": self.hardware,
            "key_operations": ["sign"],
            "read_timeout": 60,
        }
        if family == "rsa":
            return client.create_rsa_key(self.name.name, size=int(size), **options)
        return client.create_ec_key(self.name.name, curve=f"P-{size}", **options)

    def _pinned(self, key: KeyVaultKey) -> SigningKey:
        return self.keys.signing_key(replace(self.name, version=str(key.properties.version)))
