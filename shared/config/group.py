"""What every group of settings has in common."""

from __future__ import annotations

from typing import Final

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "SCEPTER_"


class Group(BaseSettings):
    """Settings of one subject; an empty value means the default. Secrets never show in repr, logs or errors.

    `load` reads them from an environment; the constructor takes values only.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,  # in Azure some settings must not be set at all
    )

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
