"""The pages about CAs say what the commands are: the ceremony is run as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from commands import ca, cli

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("ceremony.md", "ca-life.md", "keys.md", "ocsp.md")


def commands(page: str) -> list[list[str]]:
    """Every line of the shell blocks, `python` left out."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return [shlex.split(line.removeprefix("python ")) for line in lines if line]


def test_the_ceremony_runs_as_it_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCEPTER_CA_KEY_PASSWORD", "correct horse battery staple")
    (tmp_path / "media").mkdir()
    shown = ""
    for program, *arguments in commands("ceremony.md"):
        if program == "rm":
            Path(arguments[0]).unlink()
            continue
        assert (program, arguments[0]) == ("manage.py", "ca")
        done = CliRunner().invoke(ca.cli, arguments[1:], catch_exceptions=False)
        assert done.exit_code == 0, (arguments, done.output)
        shown += done.output
    for made in ("it issues", "SCEP RA", "root's OCSP", "0 revoked"):
        assert made in shown


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    group: Any = typer.main.get_command(cli.cli)
    text = (DOCS / page).read_text("utf-8")
    found = re.findall(r"manage\.py (ca [a-z-]+)((?: [^`\n]*)?)", text)
    for names, rest in found:
        command = group
        for name in names.split():
            command = command.get_command(None, name)
            assert command is not None, names
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, names
