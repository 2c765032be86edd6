"""The script of `intune grant`, run by sh, with an `az` that knows a tenant and notes what it is asked to assign."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.intune.setup.grant import script
from shared.intune.setup.roles import GRAPH_APP, NEEDS, roles_for

INTUNE_APP = "0000000a-0000-0000-c000-000000000000"
IDENTITY = "1d000000-0000-4000-8000-00000000000a"
ROLES = roles_for(NEEDS, INTUNE_APP)
AZ = """#!{python}
import json, pathlib, re, sys
told = dict(zip(sys.argv[1:], sys.argv[2:]))
made = pathlib.Path(__file__).with_name("made.json")
known = json.loads(made.read_text()) if made.exists() else []
query = told.get("--query", "")
if sys.argv[1:4] == ["ad", "sp", "show"]:
    role = re.search("value=='(.+?)'", query)
    print("object-of-" + told["--id"] if query == "id" else "" if role[1] == "{missing}" else "id-of-" + role[1])
elif told["--method"] == "get":
    print(sum(each["appRoleId"] == re.search("appRoleId=='(.+?)'", query)[1] for each in known))
else:
    made.write_text(json.dumps([*known, {{"url": told["--url"], **json.loads(told["--body"])}}]))
"""


def run(folder: Path, *, missing: str = "") -> subprocess.CompletedProcess[str]:
    az = folder / "az"
    az.write_text(AZ.format(python=sys.executable, missing=missing))
    az.chmod(0o755)
    given = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    text = script(IDENTITY, ROLES, "https://graph.microsoft.com")
    return subprocess.run(
        ["sh"], input=text, env=given, capture_output=True, text=True, timeout=60, check=False
    )


def made(folder: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((folder / "made.json").read_text())
    return found


def test_each_role_is_assigned_once(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert first.returncode == 0, first.stderr
    assert [each["appRoleId"] for each in made(tmp_path)] == [f"id-of-{role.value}" for _, role in ROLES]
    assert {each["principalId"] for each in made(tmp_path)} == {f"object-of-{IDENTITY}"}
    resources = {each["appRoleId"]: each["resourceId"] for each in made(tmp_path)}
    assert resources["id-of-scep_challenge_provider"] == f"object-of-{INTUNE_APP}"
    assert resources["id-of-Application.Read.All"] == f"object-of-{GRAPH_APP}"
    assert first.stdout.splitlines() == [f"{role.value}: assigned" for _, role in ROLES]
    again = run(tmp_path)
    assert again.stdout.splitlines() == [f"{role.value}: is there" for _, role in ROLES]
    assert len(made(tmp_path)) == len(ROLES)


@pytest.mark.parametrize("role", ["scep_challenge_provider", "Device.Read.All"])
def test_a_role_that_the_tenant_does_not_define_ends_it(tmp_path: Path, role: str) -> None:
    ended = run(tmp_path, missing=role)
    assert ended.returncode == 1
    assert f"{role}: not defined in this tenant" in ended.stderr
