"""From an environment to settings: every wrong name and value is told at once, and never its value."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, get_origin

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from shared.config.group import PREFIX
from shared.config.settings import AzureSettings, Settings
from shared.errors import SettingsError

_OF_THE_COMMAND_LINE: Final = {"SCEPTER_URL", "SCEPTER_CLIENT_ID"}


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
        if value and name.upper().startswith(PREFIX) and name.upper() not in _OF_THE_COMMAND_LINE:
            problem = _name_problem(name) or _value_problem(value)
            if problem:
                problems.append(f"{name}: {problem}")
            usable[name] = value
    return usable, problems


def _name_problem(name: str) -> str:
    field, _, key = name.upper().removeprefix(PREFIX).partition("__")
    kind = Settings.model_fields.get(field.lower())
    if kind is None:  # a misspelt setting must not quietly mean the default
        near = get_close_matches(field, [known.upper() for known in Settings.model_fields], n=1)
        return "no such setting" + (f"; is it {PREFIX}{near[0]}?" if near else "")
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
    return f"{PREFIX}{name}: {message}"
