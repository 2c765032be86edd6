"""Settings of Microsoft Intune: one group of values for each tenant integration, and how long Intune may take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from shared.config.group import Group

_GUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_HTTPS: Final = re.compile(
    r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"
)


def _base_url(value: str) -> str:
    if not _HTTPS.fullmatch(value):  # tokens travel there
        raise ValueError("must look like https://graph.microsoft.com")
    return value.rstrip("/")


def _notification_url(value: str) -> str:
    local = value.startswith("http://127.0.0.1:")  # for trying it out: Graph itself wants https
    if value and not ((local or _HTTPS.fullmatch(value)) and value.endswith("/events/graph")):
        raise ValueError("must look like https://<host>/events/graph")
    return value


BaseURL = Annotated[str, AfterValidator(_base_url)]
ApiVersion = Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,40}$")]


class IntuneIntegration(BaseModel):
    """One tenant. Without a secret or certificate it is asked with the app's managed identity.

    What differs in sovereign clouds has the value of the global cloud as its default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant: str = Field(pattern=rf"^({_GUID}|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$")
    client_id: str = Field(default="", pattern=rf"^({_GUID})?$")
    client_secret: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    authority: BaseURL = "https://login.microsoftonline.com"
    graph_url: BaseURL = "https://graph.microsoft.com"
    graph_version: ApiVersion = "v1.0"
    graph_scope: str = Field(default="", pattern=r"^(\S+/\.default)?$")
    app_id: str = Field(default="0000000a-0000-0000-c000-000000000000", pattern=f"^{_GUID}$")
    scope: str = Field(default="https://api.manage.microsoft.com//.default", pattern=r"^\S+/\.default$")
    scep_api_version: ApiVersion = "2018-02-20"
    revocation_api_version: ApiVersion = "5019-05-05"
    revocations: bool = True
    issuer_names: str = ""
    sole_authority: bool = False
    directory: bool = False
    beta: bool = True
    installations: bool = False
    notification_url: Annotated[str, AfterValidator(_notification_url)] = ""
    watched_groups: str = Field(default="", pattern=rf"^({_GUID}(\s*,\s*{_GUID})*)?$")

    @model_validator(mode="after")
    def _one_credential(self) -> IntuneIntegration:
        given = [each for each in (self.client_secret, self.client_certificate) if each.get_secret_value()]
        if len(given) > 1:
            raise ValueError("has a client secret and a client certificate; one of them is enough")
        if given and not self.client_id:
            raise ValueError("has a client secret or certificate, and no CLIENT_ID that it belongs to")
        return self

    @property
    def watched(self) -> tuple[str, ...]:
        """`watched_groups`, in lower case."""
        return tuple(part.strip().lower() for part in self.watched_groups.split(",") if part.strip())

    @property
    def tenant_id(self) -> str:
        """The tenant's id, empty if only a domain name of it is known."""
        return self.tenant.lower() if re.fullmatch(_GUID, self.tenant) else ""

    @property
    def issuers_asked_for(self) -> tuple[str, ...]:
        """`issuer_names`, which are separated by `|`: distinguished names hold commas and semicolons."""
        return tuple(filter(None, (name.strip() for name in self.issuer_names.split("|"))))


class IntuneSettings(Group):
    """Who else decides on requests."""

    intune: Mapping[str, IntuneIntegration] = Field(
        default_factory=dict, description="Tenants that decide on requests: settings for each name."
    )
    intune_seconds: float = Field(
        default=20, ge=4, le=60, description="What Intune may take of one enrolment, all calls together."
    )
    directory_shrink_percent: int = Field(
        default=10,
        ge=1,
        le=100,
        description="What share of a directory may go between two looks before it is taken for a mistake.",
    )
    install_hours: int = Field(
        default=24,
        ge=1,
        le=720,
        description="How long a certificate may take to be reported as installed before it is listed as missing.",
    )
