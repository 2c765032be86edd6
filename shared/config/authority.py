"""Settings of the CA: its keys, and how its certificates and its RA are given out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from shared.config.group import Group
from shared.keys.vault_names import VaultName


class AnotherCA(BaseModel):
    """Where a CA is kept that issues beside the default one; what is empty follows from its name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: str = ""
    chain: str = Field(default="", pattern="^[0-9A-Za-z-]{0,127}$")
    folder: str = ""

    @field_validator("key")
    @classmethod
    def _vault_key(cls, value: str) -> str:
        if value:
            VaultName.parse(value, kind="keys", vault="https://none.invalid")
        return value


class AuthoritySettings(Group):
    """Who issues."""

    ca_folder: Path = Field(
        default=Path(".scepter/ca"), description="Folder of software keys; not for Azure."
    )
    ca_key_password: SecretStr = Field(
        default=SecretStr(""), description="Protects the key files in ca_folder."
    )
    authorities: Mapping[str, AnotherCA] = Field(
        default_factory=dict, description="CAs beside the default one: settings for each name."
    )
    backdate_hours: float = Field(default=24, ge=0, le=72, description="How far notBefore lies in the past.")

    @property
    def backdate(self) -> timedelta:
        return timedelta(hours=self.backdate_hours)
