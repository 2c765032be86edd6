"""Settings with one secret for each name: as the policy file knows the names, and with errors that name the setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import SecretStr

from shared.errors import SettingsError

T = TypeVar("T")


def revealed(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    """The secrets by the names of the policy file: names of settings have no hyphen, and no small letters."""
    return {name.replace("_", "-").lower(): secret.get_secret_value() for name, secret in secrets.items()}


def checked(setting: str, build: Callable[[], T]) -> T:
    """What `build` makes. Raises SettingsError that names `setting` where it raises ValueError."""
    try:
        return build()
    except ValueError as error:
        raise SettingsError(f"{setting}: {error}") from None
