"""Settings of outside CAs: one group of values for each CA that profiles name with `ca`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from shared.config.group import Group

_URL: Final = re.compile(
    r"https://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"
)


class OutsideCASettings(BaseModel):
    """One CA of others. docs/outside-ca.md explains each value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    chain: Path
    adapter: str = Field(default="est", pattern="^[a-z0-9-]{1,40}$")
    trust: Path | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    reenrol: bool = False
    seconds: float = Field(default=15, ge=2, le=60)
    options: Mapping[str, SecretStr] = Field(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _https(cls, value: str) -> str:
        if not _URL.fullmatch(value):  # requests with challenges travel there, and credentials
            raise ValueError("must look like https://ca.example.org/.well-known/est")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> OutsideCASettings:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("has a username or a password, and not both")
        return self


class OutsideSettings(Group):
    """Who issues in our place."""

    outside_ca: Mapping[str, OutsideCASettings] = Field(
        default_factory=dict, description="CAs of others that profiles may name: settings for each name."
    )
