"""docs/settings.md, local.settings.sample.json and Settings name the same settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest

from shared.config import Settings, load
from shared.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
FIELDS = {f"SCEPTER_{name.upper()}": field for name, field in Settings.model_fields.items()}
SAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))[
    "Values"
]
SET_BY_SAMPLE = {name: value for name, value in SAMPLE.items() if value and not value.startswith("<")}


def rows() -> Iterator[tuple[str, str]]:
    """Setting and default of every row of the first table."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").split("\n## ")[0]
    for line in page.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            yield cells[0].strip("`"), cells[2]


def plain(name: str) -> str:
    return name.partition("__")[0]


def test_the_page_has_one_row_for_each_setting() -> None:
    assert sorted(plain(name) for name, _ in rows()) == sorted(FIELDS)


def test_the_sample_has_every_setting() -> None:
    names = [name for name in SAMPLE if name.startswith("SCEPTER_")]
    assert sorted(map(plain, names)) == sorted(FIELDS)


def test_settings_by_name_are_shown_as_such() -> None:
    by_name = {name for name, field in FIELDS.items() if get_origin(field.annotation) not in (None, tuple)}
    assert {plain(name) for name, _ in rows() if name.endswith("__<NAME>")} == by_name
    assert {plain(name) for name in SAMPLE if "__" in name} == by_name


def test_the_page_tells_the_default() -> None:
    told = {plain(name): default.split(":")[0].strip("`") for name, default in rows()}
    for name, field in FIELDS.items():
        default = field.get_default(call_default_factory=True) if not field.is_required() else "required"
        spelt = {"": "empty", "{}": "none", "()": "none", "**********": "empty"}.get(
            str(default), str(default)
        )
        assert told[name].lower() == spelt.lower(), name


def test_the_sample_is_refused_until_its_placeholders_are_replaced() -> None:
    placeholders = [name for name, value in SAMPLE.items() if value.startswith("<")]
    with pytest.raises(SettingsError) as caught:
        load(SAMPLE)
    assert re.findall(r"(SCEPTER_\w+): still has the placeholder", str(caught.value)) == placeholders
    load({**SAMPLE, **dict.fromkeys(placeholders, "a-secret-of-this-machine")})


def test_what_the_sample_sets_is_the_default_where_there_is_one() -> None:
    settings = load({**SET_BY_SAMPLE, "SCEPTER_CHALLENGE_KEYS": "key"})
    required = {"SCEPTER_PUBLIC_URL": settings.public_url, "SCEPTER_CHALLENGE_KEYS": "key"}
    assert settings == load(required)
