"""Settings of enrolment: challenges and their secrets, SCEP, and how much of it at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.config.group import Group


class EnrolmentSettings(Group):
    """How devices come to certificates."""

    default_profile: str = Field(default="device", description="Profile behind /certsrv/mscep/mscep.dll.")
    challenge_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Fernet keys that seal challenges, comma-separated; the first seals, all open."
    )
    caller_secrets: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        description="Secret of each caller of POST /challenges and /pkcs/requests: one setting per name.",
    )
    static_challenges: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="Secret of each static challenge: one setting per name."
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
