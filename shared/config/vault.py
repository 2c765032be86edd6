"""Settings of the vault: where it is, what in it is whose, and how much of it this app may use."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from shared.config.group import Group
from shared.keys.vault_names import VaultName, vault_url

_NAME = "^[0-9A-Za-z-]{1,127}$"


class VaultSettings(Group):
    """Keys that never leave their vault, and the secrets beside them."""

    # Before the keys, whose short names mean this vault.
    vault_url: str = Field(
        default="", description="The Key Vault with the CA; empty: the CA is in SCEPTER_CA_FOLDER."
    )
    vault_audience: str = Field(
        default="",
        pattern=r"^(https://[A-Za-z0-9.-]+)?$",
        description="Audience of tokens for vaults whose host is not below it; empty: what the vault says.",
    )
    vault_ca_key: str = Field(
        default="issuing-ca",
        description="Key of the issuing CA: name, name/version, or its whole identifier.",
    )
    vault_import_key: str = Field(
        default="pfx-import", description="RSA key that passwords of imported PFX files are sealed to."
    )
    vault_ca_secret: str = Field(
        default="issuing-ca-chain",
        pattern=_NAME,
        description="Secret with the CA's certificates and the root's CRL.",
    )
    vault_ra_secret: str = Field(
        default="scep-ra", pattern=_NAME, description="Secret with the SCEP RA's identities."
    )
    vault_responder_secret: str = Field(
        default="ocsp-responder", pattern=_NAME, description="Secret with the OCSP responder's identities."
    )
    vault_workers: int = Field(
        default=1, ge=1, le=1000, description="Workers that share the vault's limits at the same time."
    )
    vault_share: float = Field(
        default=0.95, ge=0.0001, le=1, description="Part of the vault's limits that all workers may use."
    )
    vault_patience: float = Field(
        default=8, ge=1, le=60, description="Seconds that a signature may take before the asker is sent away."
    )

    @field_validator("vault_url")
    @classmethod
    def _vault(cls, value: str) -> str:
        return vault_url(value) if value else ""

    @field_validator("vault_ca_key", "vault_import_key")
    @classmethod
    def _key(cls, value: str, info: ValidationInfo) -> str:
        VaultName.parse(value, kind="keys", vault=info.data.get("vault_url") or "https://none.invalid")
        return value

    @property
    def ca_key(self) -> VaultName:
        """The issuing CA's key."""
        return VaultName.parse(self.vault_ca_key, kind="keys", vault=self.vault_url)

    @property
    def import_key(self) -> VaultName:
        """The key that opens passwords of imported PFX files."""
        return VaultName.parse(self.vault_import_key, kind="keys", vault=self.vault_url)
