"""All settings together, and what Azure additionally forbids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from pydantic import ValidationInfo, field_validator

from shared.config.authority import AnotherCA, AuthoritySettings
from shared.config.deployment import DeploymentSettings, is_azure_host
from shared.config.enrolment import EnrolmentSettings
from shared.config.events import EventSettings
from shared.config.imported import ImportedSettings
from shared.config.intune import IntuneSettings
from shared.config.outside import OutsideSettings
from shared.config.pfx import PFXSettings
from shared.config.status import StatusSettings
from shared.config.vault import VaultSettings


class Settings(
    ImportedSettings,
    PFXSettings,
    EventSettings,
    StatusSettings,
    IntuneSettings,
    EnrolmentSettings,
    OutsideSettings,
    VaultSettings,
    AuthoritySettings,
    DeploymentSettings,
):
    """All settings of the function app."""


class AzureSettings(Settings):
    """What Azure additionally forbids: keys in files, shared management keys, URLs on a name that is Azure's."""

    @field_validator("ca_folder", "ca_key_password", "management_key", mode="before")
    @classmethod
    def _local_only(cls, _value: object) -> NoReturn:
        raise ValueError(
            "is for the embedded host; keys in files and shared management keys are refused in Azure"
        )

    @field_validator("authorities")
    @classmethod
    def _no_folders(cls, value: Mapping[str, AnotherCA]) -> Mapping[str, AnotherCA]:
        if any(each.folder for each in value.values()):
            raise ValueError("FOLDER is for the embedded host; keys in files are refused in Azure")
        return value

    @field_validator("public_url")
    @classmethod
    def _own_name(cls, value: str, info: ValidationInfo) -> str:
        if is_azure_host(value) and not info.data.get("allow_default_host"):
            raise ValueError(
                "is a name of Azure's, and certificates would be tied to it for life: use a DNS name of your own, "
                "or set SCEPTER_ALLOW_DEFAULT_HOST for a trial"
            )
        return value
