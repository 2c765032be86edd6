"""Settings: parsed once, validated whole. Every name starts with SCEPTER_ except those that Azure itself defines.

Only shared/wiring.py reads the environment. docs/settings.md explains each; local.settings.sample.json has a value
that runs locally for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_DEFAULT_AZURE_HOSTS = (".azurewebsites.net", ".core.windows.net", ".azurefd.net")


class SettingsError(Exception):
    """One or more settings are wrong; the text names each with its reason and never its value."""


class Settings(BaseSettings):
    """All settings of the function app. Secrets never show in repr, logs or errors."""

    model_config = SettingsConfigDict(
        env_prefix="SCEPTER_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    public_url: str = Field(
        description="Base of the CRL, CA certificate and SCEP URLs: your own DNS name, http."
    )
    profiles_file: Path = Field(default=Path("profiles.toml"), description="The certificate profiles.")
    default_profile: str = Field(default="device", description="Profile behind /certsrv/mscep/mscep.dll.")

    ca_folder: Path = Field(
        default=Path(".scepter/ca"), description="Folder of software keys; not for Azure."
    )
    ca_key_password: SecretStr = Field(
        default=SecretStr(""), description="Protects the key files in ca_folder."
    )

    challenge_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Fernet keys that seal challenges, comma-separated; the first seals, all open."
    )
    caller_secrets: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="Secret of each caller of POST /challenges: one setting per name."
    )
    static_challenges: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="Secret of each static challenge: one setting per name."
    )
    management_key: SecretStr = Field(
        default=SecretStr(""), description="Key of the management API on the embedded host; not for Azure."
    )

    backdate_hours: float = Field(default=24, ge=0, le=72, description="How far notBefore lies in the past.")
    crl_hours: float = Field(
        default=72, ge=1, le=24 * 90, description="Life of a CRL; renewed at half of it."
    )
    root_in_getcacert: bool = Field(default=False, description="Whether GetCACert adds the root.")
    max_message_kib: int = Field(default=64, ge=8, le=1024, description="Largest SCEP message.")

    table_prefix: str = Field(
        default="", pattern="^[A-Za-z]?[A-Za-z0-9]{0,20}$", description="Before table names."
    )

    @field_validator("challenge_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("challenge_keys")
    @classmethod
    def _at_least_one(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value:
            raise ValueError("is empty; make one with: python manage.py challenge new-key")
        return value

    @field_validator("public_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must look like http://pki.example.org")
        return value.rstrip("/")

    @property
    def backdate(self) -> timedelta:
        return timedelta(hours=self.backdate_hours)

    @property
    def crl_life(self) -> timedelta:
        return timedelta(hours=self.crl_hours)

    @property
    def on_default_azure_host(self) -> bool:
        """Whether the public URLs would tie certificates to a name that is not the user's own."""
        host = urlsplit(self.public_url).hostname or ""
        return host.endswith(_DEFAULT_AZURE_HOSTS)


class AzureSettings(Settings):
    """What Azure additionally forbids: keys in files and shared management keys."""

    @model_validator(mode="after")
    def _no_local_secrets(self) -> Self:
        if self.management_key.get_secret_value():
            raise ValueError("SCEPTER_MANAGEMENT_KEY is for the embedded host only; remove it")
        if "ca_folder" in self.model_fields_set:
            raise ValueError("SCEPTER_CA_FOLDER: software keys are refused in Azure; use a vault key")
        return self


def load(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment` (pydantic-settings reads os.environ itself; this names the one that matters).

    Raises SettingsError listing every wrong setting by its name.
    """
    kind = AzureSettings if in_azure(environment) else Settings
    try:
        return kind()
    except ValidationError as error:
        lines = [
            f"{_name(problem['loc'])}: {problem['msg']}" for problem in error.errors(include_input=False)
        ]
        raise SettingsError("; ".join(lines)) from None


def in_azure(environment: Mapping[str, str]) -> bool:
    """Whether this worker runs in Azure (the platform sets these)."""
    return bool(environment.get("WEBSITE_INSTANCE_ID") or environment.get("WEBSITE_SITE_NAME"))


def _name(location: tuple[int | str, ...]) -> str:
    return "SCEPTER_" + "__".join(str(part) for part in location).upper() if location else "settings"
