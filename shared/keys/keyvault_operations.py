"""What a vault does with one version of a key: sign a digest, decrypt a block. Each is one call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.vault_client import Vault
from shared.keys.vault_faults import Act
from shared.keys.vault_names import VaultName

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyVaultKey

ROLES: Final = ("Key Vault Crypto User", "Managed HSM Crypto User")
log = logging.getLogger("scepter.vault")


class KeyOperations:
    """Of the key `name`, whose version is said; `cost` is what a call takes of the vault's budget."""

    def __init__(self, vault: Vault, key: KeyVaultKey, name: VaultName, cost: float) -> None:
        self.name = name
        self._vault, self._cost = vault, cost
        self._client = vault.cryptography(key)

    def sign(self, algorithm: str, digest: bytes) -> bytes:
        """The signature, as the vault gives it. Raises KeyUnavailable, IssuanceFault."""
        from azure.keyvault.keys.crypto import SignatureAlgorithm

        chosen = SignatureAlgorithm(algorithm)
        result = self._vault.ask(
            Act("sign", self.name, *ROLES),
            self._cost,
            lambda seconds: self._client.sign(chosen, digest, read_timeout=seconds),
        )
        if not isinstance(result.signature, bytes):
            raise KeyUnavailable(f"sign {self.name}: the vault's answer has no signature in it")
        return result.signature

    def decrypt(self, algorithm: str, ciphertext: bytes) -> bytes:
        """The plaintext. Raises ValueError as a software key does where it does not decrypt; KeyUnavailable."""
        from azure.keyvault.keys.crypto import EncryptionAlgorithm

        chosen = EncryptionAlgorithm(algorithm)
        try:
            result = self._vault.ask(
                Act("decrypt", self.name, *ROLES),
                self._cost,
                lambda seconds: self._client.decrypt(chosen, ciphertext, read_timeout=seconds),
            )
        except IssuanceFault as fault:  # the vault answers 400 to what does not decrypt
            log.warning("%s", fault.reason)
            raise ValueError("Decryption failed") from None
        if not isinstance(result.plaintext, bytes):
            raise KeyUnavailable(f"decrypt {self.name}: the vault's answer has no plaintext in it")
        return result.plaintext
