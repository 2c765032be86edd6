"""Settings of the installation: where it is reached, who manages it, which policy and which storage it has."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.config.group import Group

_BASE_URL: Final = re.compile(
    r"https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"
)
_AZURE_HOST: Final = re.compile(
    r".+\.(azurewebsites\.(net|us)|chinacloudsites\.cn|core\.(windows|usgovcloudapi|chinacloudapi)\.(net|cn)"
    r"|azurefd\.net|azureedge\.net|trafficmanager\.net|cloudapp\.azure\.com)\.?"
)


class DeploymentSettings(Group):
    """Where, by whom, under which policy."""

    # Before public_url, whose validation in Azure asks for it.
    allow_default_host: bool = Field(
        default=False,
        description="In Azure: accept a SCEPTER_PUBLIC_URL on a name that is Azure's, for trials.",
    )
    public_url: str = Field(
        description="Base of the CRL, CA certificate and SCEP URLs: your own DNS name, http."
    )
    profiles_file: Path = Field(default=Path("profiles.toml"), description="The certificate profiles.")
    management_key: SecretStr = Field(
        default=SecretStr(""), description="Key of the management API on the embedded host; not for Azure."
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

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise ValueError("must be networks such as 10.0.0.0/8, separated by commas") from None

    @field_validator("public_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        # It ends in every certificate, so nothing is left to the tolerance of a URL parser.
        if not _BASE_URL.fullmatch(value):
            raise ValueError("must look like http://pki.example.org")
        return value.rstrip("/")

    @property
    def on_default_azure_host(self) -> bool:
        """Whether the public URLs would tie certificates to a name that is not the user's own."""
        return is_azure_host(self.public_url)


def is_azure_host(url: str) -> bool:
    """Whether the URL is on a name that Azure gives away."""
    return _AZURE_HOST.fullmatch(urlsplit(url).hostname or "") is not None
