"""The vault, wired: settings and the app's identity to keys, secrets, and the CA that is kept there.

What reaches for Azure's SDKs is imported when a vault is first asked; without SCEPTER_VAULT_URL that never happens.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from shared.ca.vault import KeyMaker, VaultCA
from shared.keys.secrets import SecretStore
from shared.keys.vault_budget import Budget
from shared.keys.vault_names import VaultName
from shared.wiring.stores import Stores

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.keys.keyvault import KeyVaultKeys
    from shared.keys.vault_transport import VaultTransport
    from shared.keys.vaults import Vaults


class VaultParts(Stores):
    """What is kept in vaults."""

    @cached_property
    def credential(self) -> TokenCredential:
        """The app's own identity: the one that storage knows it by."""
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

        client_id = self.environment.get("AzureWebJobsStorage__clientId")
        if not client_id and not self.in_azure:
            return DefaultAzureCredential()
        # By itself it would try for minutes, while devices wait; the vault's own patience covers this, too.
        return ManagedIdentityCredential(
            client_id=client_id, retry_total=0, connection_timeout=2, read_timeout=3
        )

    @cached_property
    def vault_transport(self) -> VaultTransport:
        from shared.keys.vault_transport import VaultTransport

        return VaultTransport()

    @cached_property
    def vaults(self) -> Vaults:
        from shared.keys.vaults import Vaults

        return Vaults(
            self.credential,
            self.vault_transport,
            Budget(self.settings.vault_share, self.settings.vault_workers),
            patience=self.settings.vault_patience,
            audience=self.settings.vault_audience,
        )

    @cached_property
    def vault_keys(self) -> KeyVaultKeys:
        from shared.keys.keyvault import KeyVaultKeys

        return KeyVaultKeys(self.vaults)

    @cached_property
    def vault_secrets(self) -> SecretStore:
        from shared.keys.vault_secrets import VaultSecretStore

        return VaultSecretStore(self.vaults.at(self.settings.vault_url))

    @cached_property
    def vault_ca(self) -> VaultCA:
        """The default CA."""
        return self._vault_ca(self.settings.ca_key, self.settings.vault_ca_secret)

    def vault_ca_at(self, key: str, chain: str) -> VaultCA:
        """Another CA: the name of its key, as settings have it, and of its secret of certificates."""
        return self._vault_ca(VaultName.parse(key, kind="keys", vault=self.settings.vault_url), chain)

    def _vault_ca(self, key: VaultName, chain: str, maker: KeyMaker | None = None) -> VaultCA:
        return VaultCA(
            self.vault_secrets,
            lambda public_key: self.vault_keys.signing_key(key, public_key),
            chain_secret=chain,
            ra_secret=self.settings.vault_ra_secret,
            clock=self.clock,
            maker=maker,
        )
