"""Settings of the CA: its keys, and how its certificates and its RA are given out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from shared.config.group import Group


class AuthoritySettings(Group):
    """Who issues."""

    ca_folder: Path = Field(
        default=Path(".scepter/ca"), description="Folder of software keys; not for Azure."
    )
    ca_key_password: SecretStr = Field(
        default=SecretStr(""), description="Protects the key files in ca_folder."
    )
    backdate_hours: float = Field(default=24, ge=0, le=72, description="How far notBefore lies in the past.")

    @property
    def backdate(self) -> timedelta:
        return timedelta(hours=self.backdate_hours)
