"""docs/embedded-host.md names a test for what it says, and an option and an exit code for each there is."""

import re
from dataclasses import fields

from local import failures
from local.host import Options
from tests.host.process import ROOT

PAGE = (ROOT / "docs" / "embedded-host.md").read_text(encoding="utf-8")
TESTS = {
    name
    for path in (ROOT / "tests" / "host").glob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under `heading`, without its two head lines and its group lines."""
    table = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
    return [row for row in cells if all(row)]


def test_every_behaviour_names_a_test_that_exists() -> None:
    named = [row[-1].strip("`") for heading in ("What is reproduced", "Exit codes") for row in rows(heading)]
    assert len(named) > 50
    assert [name for name in named if name not in TESTS] == []
    groups = [line for line in PAGE.splitlines() if line.startswith("| **") and line.endswith("** | |")]
    assert (
        len(rows("What is reproduced")) + len(groups)
        == PAGE.partition("## What it is not")[0].count("\n|") - 2
    )


def test_every_option_is_described() -> None:
    described = {row[0].split()[0].strip("`") for row in rows("Command line")}
    assert described == {f"--{field.name.replace('_', '-')}" for field in fields(Options)}


def test_every_exit_code_is_described() -> None:
    kinds = {kind for kind in vars(failures).values() if isinstance(kind, type)} - {failures.HostError}
    codes = {kind.exit_code for kind in kinds if issubclass(kind, failures.HostError)}
    assert {int(row[0]) for row in rows("Exit codes")} == codes | {0, 2}
