"""Settings of keys that are made here: how long deliveries wait, and where results may be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.config.group import Group

_HOST: Final = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*(:[1-9][0-9]{0,4})?")
_QUEUE: Final = re.compile(r"(?=.{3,63}\Z)[a-z0-9](-?[a-z0-9])*")


class PFXSettings(Group):
    """What ends as a PFX."""

    delivery_days: int = Field(default=7, ge=2, le=90, description="How long a delivery waits to be fetched.")
    order_days: int = Field(
        default=90, ge=7, le=3660, description="How long orders, and who fetched what, stay on record."
    )
    result_queues: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Queues that results may be told on, comma-separated."
    )
    callback_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts that results may be told to, such as hooks.example.org or *.example.org.",
    )
    callback_secrets: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="What calls for each caller are signed with: one setting per name."
    )

    @field_validator("result_queues", "callback_hosts", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("result_queues")
    @classmethod
    def _queues(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_QUEUE.fullmatch(name) for name in value):
            raise ValueError("must be names of queues, separated by commas")
        return value

    @field_validator("callback_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HOST.fullmatch(name.lower()) for name in value):
            raise ValueError(
                "must be host names such as hooks.example.org or *.example.org, separated by commas"
            )
        return tuple(name.lower() for name in value)

    @field_validator("callback_secrets")
    @classmethod
    def _long_enough(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        if any(len(secret.get_secret_value()) < 16 for secret in value.values()):
            raise ValueError("a secret has at least 16 characters")
        return value

    @property
    def delivery_life(self) -> timedelta:
        return timedelta(days=self.delivery_days)

    @property
    def order_life(self) -> timedelta:
        return timedelta(days=self.order_days)
