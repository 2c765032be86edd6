"""docs/imported-pfx.md: its JSON is taken, its commands and options exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.main import get_command

from commands import pfx
from shared.pfx.imported_request import BroughtDocument, PFXOrder
from shared.policy.callers import PFX_PERMISSIONS

PAGE = (Path(__file__).parents[2] / "docs" / "imported-pfx.md").read_text("utf-8")
BLOCKS = [
    json.loads(block.replace("…", "AAAA")) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
]


def test_its_json_is_taken() -> None:
    request, parcel = BLOCKS
    PFXOrder.model_validate_json(json.dumps(request))
    PFXOrder.model_validate_json(json.dumps({**request, "parcel": parcel}))


def test_every_field_of_a_request_is_on_it() -> None:
    aliases = {field.alias or name for name, field in BroughtDocument.model_fields.items()}
    for name in {*PFXOrder.model_fields, *aliases, "caller"} - {"version"}:
        assert re.search(rf'[`"]{name}[`"]', PAGE), name


def test_every_permission_is_in_the_page_of_profiles() -> None:
    profiles = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text("utf-8")
    for permission in PFX_PERMISSIONS:
        assert f'`"{permission}"`' in profiles


def test_its_commands_exist() -> None:
    commands = get_command(pfx.cli).commands  # type: ignore[attr-defined]
    named = set(re.findall(r"(?:manage\.py |`)pfx ([a-z-]+)", PAGE))
    assert named <= set(commands)
    assert set(commands) <= named
    options = {option for command in commands.values() for each in command.params for option in each.opts}
    told = set(re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]+)", PAGE))
    assert told <= options | {"--json"}, told - options
