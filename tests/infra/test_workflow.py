"""What runs on GitHub is what runs anywhere: the doors of the Makefile, and for every change those of .ci/run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
DOORS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
CORE_TOOLS = "npm install --global azure-functions-core-tools@4"


def job(workflow: str, name: str) -> str:
    """The lines of one job."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", workflow, re.MULTILINE)
    assert found, f"no job {name}"
    return found[1]


def commands(workflow: str) -> list[str]:
    """The command of each `run`. Blocks of several commands are not read, and so not allowed."""
    found = [match.strip() for match in re.findall(r"^\s+(?:- )?run:(.*)$", workflow, re.MULTILINE)]
    assert not set(found) & {"", "|", ">", "|-", ">-"}, "a run of several lines"
    return found


def strangers(workflow: str) -> list[str]:
    """Commands that are not doors of the Makefile."""
    doors = {f"{sudo}make {door}" for door in DOORS for sudo in ("", "sudo ")}
    return [command for command in commands(workflow) if command not in doors and command != CORE_TOOLS]


def test_it_calls_doors_only() -> None:
    assert strangers(WORKFLOW) == []


@pytest.mark.parametrize(
    "command", ["make tset", "pytest -q", "make test EXTRA=1", "make check && make test"]
)
def test_another_command_is_found(command: str) -> None:
    assert strangers(WORKFLOW.replace("run: make test", f"run: {command}")) == [command]


def test_a_block_of_commands_is_found() -> None:
    with pytest.raises(AssertionError, match="several lines"):
        commands(WORKFLOW.replace("run: make test", "run: |\n          make test"))


def test_its_doors_are_those_of_the_local_script() -> None:
    script = re.findall(
        r"^\s*make ([a-z-]+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [command.split()[-1] for command in commands(job(WORKFLOW, "doors"))] == script


def test_every_supported_python_is_used() -> None:
    matrix = re.search(r"python: \[(.*)\]", job(WORKFLOW, "doors"))
    assert matrix
    assert json.loads(f"[{matrix[1]}]") == ["3.11", "3.12", "3.13"]


def test_the_real_host_is_asked_for_a_certificate() -> None:
    assert commands(job(WORKFLOW, "core-tools")) == [CORE_TOOLS, "make func-enrol"]


def test_it_may_only_read() -> None:
    assert re.findall(r"permissions:\n((?:  .*\n)+)", WORKFLOW) == ["  contents: read\n"]
    assert "secrets." not in WORKFLOW


def test_the_container_has_what_the_doors_need() -> None:
    container: dict[str, Any] = json.loads(
        (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    )
    features = {
        name.rsplit("/", 1)[1].split(":")[0]: wanted for name, wanted in container["features"].items()
    }
    assert features == {"python": {"version": "3.13"}, "node": {"version": "20"}}
    assert container["postCreateCommand"].removeprefix("make ") in DOORS
