"""Settings: parsed once, validated whole. Every name starts with SCEPTER_ except those that Azure itself defines.

Only shared/wiring.py reads the environment. docs/settings.md explains each; local.settings.sample.json has a value
that runs locally for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, get_origin
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

_PREFIX: Final = "SCEPTER_"
_OF_THE_COMMAND_LINE: Final = {"SCEPTER_URL"}
_BASE_URL: Final = re.compile(
    r"https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"
)
_AZURE_HOST: Final = re.compile(
    r".+\.(azurewebsites\.(net|us)|chinacloudsites\.cn|core\.(windows|usgovcloudapi|chinacloudapi)\.(net|cn)"
    r"|azurefd\.net|azureedge\.net|trafficmanager\.net|cloudapp\.azure\.com)\.?"
)


class SettingsError(Exception):
    """One or more settings are wrong; the text names each with its reason and never its value."""


class Settings(BaseSettings):
    """All settings of the function app; an empty value means the default. Secrets never show in repr, logs or errors.

    `load` reads them from an environment; the constructor takes values only.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,  # in Azure some settings must not be set at all
    )

    # Before public_url, whose validation in Azure asks for it.
    allow_default_host: bool = Field(
        default=False,
        description="In Azure: accept a SCEPTER_PUBLIC_URL on a name that is Azure's, for trials.",
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
    root_in_getcacert: bool = Field(default=True, description="Whether GetCACert adds the root.")
    max_message_kib: int = Field(default=64, ge=8, le=1024, description="Largest SCEP message.")

    max_enrolments: int = Field(
        default=64, ge=1, le=256, description="Enrolments that one worker carries at the same time."
    )
    source_rate: str = Field(
        default="",
        pattern="^([1-9][0-9]{0,5}/(second|minute|hour|day))?$",
        description="Enrolments of one source address, such as 120/minute; empty: as many as it likes.",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description="Networks of proxies in front of the app whose X-Forwarded-For is true."
    )
    trace_days: int = Field(
        default=30, ge=0, le=400, description="How long traces of transactions are kept; 0: none are made."
    )

    table_prefix: str = Field(
        default="", pattern="^([A-Za-z][A-Za-z0-9]{0,20})?$", description="Before table names."
    )

    @field_validator("challenge_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise ValueError("must be networks such as 10.0.0.0/8, separated by commas") from None

    @field_validator("challenge_keys")
    @classmethod
    def _at_least_one(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value:
            raise ValueError("is empty; make one with: python manage.py challenge new-key")
        return value

    @field_validator("public_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        # It ends in every certificate, so nothing is left to the tolerance of a URL parser.
        if not _BASE_URL.fullmatch(value):
            raise ValueError("must look like http://pki.example.org")
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values come from the caller alone; see `load`."""
        return (init_settings,)

    @property
    def backdate(self) -> timedelta:
        return timedelta(hours=self.backdate_hours)

    @property
    def crl_life(self) -> timedelta:
        return timedelta(hours=self.crl_hours)

    @property
    def on_default_azure_host(self) -> bool:
        """Whether the public URLs would tie certificates to a name that is not the user's own."""
        return _is_azure_host(self.public_url)


class AzureSettings(Settings):
    """What Azure additionally forbids: keys in files, shared management keys, URLs on a name that is Azure's."""

    @field_validator("ca_folder", "ca_key_password", "management_key", mode="before")
    @classmethod
    def _local_only(cls, _value: object) -> NoReturn:
        raise ValueError(
            "is for the embedded host; keys in files and shared management keys are refused in Azure"
        )

    @field_validator("public_url")
    @classmethod
    def _own_name(cls, value: str, info: ValidationInfo) -> str:
        if _is_azure_host(value) and not info.data.get("allow_default_host"):
            raise ValueError(
                "is a name of Azure's, and certificates would be tied to it for life: use a DNS name of your own, "
                "or set SCEPTER_ALLOW_DEFAULT_HOST for a trial"
            )
        return value


def load(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`. Raises SettingsError listing every wrong setting by its name."""
    kind = AzureSettings if in_azure(environment) else Settings
    usable, problems = _sift(environment)
    try:
        settings = kind(**_values(kind, usable))
    except ValidationError as error:
        problems += [_told(problem) for problem in error.errors(include_input=False, include_url=False)]
    if problems:  # raised out here, so that no chained exception carries a value
        raise SettingsError("; ".join(problems))
    return settings


def in_azure(environment: Mapping[str, str]) -> bool:
    """Whether this worker runs in Azure (the platform sets these)."""
    return bool(environment.get("WEBSITE_INSTANCE_ID") or environment.get("WEBSITE_SITE_NAME"))


def _sift(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What `environment` says about settings, and what is wrong with the names or values that cannot be used."""
    usable, problems = {}, []
    for name, value in environment.items():
        if value and name.upper().startswith(_PREFIX) and name.upper() not in _OF_THE_COMMAND_LINE:
            problem = _name_problem(name) or _value_problem(value)
            if problem:
                problems.append(f"{name}: {problem}")
            usable[name] = value
    return usable, problems


def _name_problem(name: str) -> str:
    field, _, key = name.upper().removeprefix(_PREFIX).partition("__")
    kind = Settings.model_fields.get(field.lower())
    if kind is None:  # a misspelt setting must not quietly mean the default
        near = get_close_matches(field, [known.upper() for known in Settings.model_fields], n=1)
        return "no such setting" + (f"; is it {_PREFIX}{near[0]}?" if near else "")
    if get_origin(kind.annotation) is Mapping:
        return "" if key else f"one setting for each name, such as {name}__DEMO"
    return "no such setting" if key else ""


def _value_problem(value: str) -> str:
    if value.startswith(
        "@Microsoft.KeyVault("
    ):  # the platform then hands over the reference itself, which is no secret
        return "the Key Vault reference is not resolved; is there such a secret, and may the app's identity read it?"
    if value.startswith("<") and value.endswith(">"):
        return "still has the placeholder of the sample"
    return ""


def _values(kind: type[Settings], environment: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(kind)
    source.env_vars = {name.lower(): value for name, value in environment.items() if not _name_problem(name)}
    return source()


def _told(problem: Mapping[str, Any]) -> str:
    message = "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
    name = "__".join(str(part) for part in problem["loc"]).upper()
    return f"{_PREFIX}{name}: {message}"


def _is_azure_host(url: str) -> bool:
    return _AZURE_HOST.fullmatch(urlsplit(url).hostname or "") is not None
