"""`manage.py ca`: the successor, prepared and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands import ca

URL = ("--public-url", "http://pki.example.org")
KEYS = ("--root-key", "p-256", "--issuing-key", "p-256")


def run(folder: Path, command: str, *options: str) -> Result:
    return CliRunner().invoke(ca.cli, [command, "--folder", str(folder), *options])


def shown(folder: Path) -> dict[str, Any]:
    return {row["role"]: row for row in json.loads(run(folder, "show", "--json").stdout)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert run(tmp_path, "init", *URL, *KEYS).exit_code == 0
    return tmp_path


def test_a_successor_is_prepared_once_and_shown(folder: Path) -> None:
    before = shown(folder)
    assert "next issuing" not in before
    for _ in range(2):
        prepared = run(folder, "prepare-successor", *URL, "--issuing-key", "p-384", "--issuing-years", "3")
        assert prepared.exit_code == 0, prepared.output
    after = shown(folder)
    successor = after.pop("next issuing")
    assert after == before
    assert successor["subject"] == "CN=Scepter Issuing CA 2,O=Scepter"
    assert successor["id"] != after["issuing"]["id"]


@pytest.mark.parametrize("option", [("--issuing-key", "dsa"), ("--issuing-years", "99")], ids=lambda o: o[1])
def test_a_successor_that_cannot_be_is_refused(folder: Path, option: tuple[str, str]) -> None:
    assert run(folder, "prepare-successor", *URL, *option).exit_code == 2
    assert "next issuing" not in shown(folder)


def test_it_needs_to_know_its_address(folder: Path) -> None:
    refused = run(folder, "prepare-successor", "--settings", str(folder / "none.json"))
    assert refused.exit_code == 2
    assert "--public-url" in refused.output
