"""What .funcignore leaves out: nothing that the app imports or reads, and everything that only developers need."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pathspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORE = (ROOT / ".funcignore").read_text(encoding="utf-8")
Ignored = Callable[[str], bool]

NEEDED = ["function_app.py", "host.json", "requirements.txt", "profiles.toml"]
SECRET = ["local.settings.json", ".scepter/ca/issuing.key.pem"]
NOT_DEPLOYED = [
    *SECRET,
    *("local/host.py", "local/__init__.py", "commands/cli.py", "tests/conftest.py", "tests/infra/rules.py"),
    *("fakes/tls.py", "fakes/microsoft/service.py"),
    *("bench/enrolment.py", "docs/settings.md", "infra/main.bicep", "infra/app/vault.bicep", "manage.py"),
    *("node_modules/azurite/package.json", ".venv/bin/python", ".git/config", ".github/workflows/ci.yml"),
    *("requirements-dev.txt", "requirements-dev.in", "requirements.in", "pyproject.toml", "package.json"),
    *("package-lock.json", "local.settings.sample.json", "profiles.sample.toml", "Makefile", ".ci/run"),
]


def as_git(ignore: str) -> Ignored:
    """As azd reads the file: the syntax of .gitignore."""
    return pathspec.GitIgnoreSpec.from_lines(ignore.splitlines()).match_file


def as_core_tools(ignore: str) -> Ignored:
    """As Core Tools reads it: each line is the beginning of a path, with or without a slash before it."""
    lines = [line.strip() for line in ignore.splitlines()]
    beginnings = [re.escape(line.removeprefix("/")) for line in lines if line and not line.startswith("#")]
    pattern = re.compile("|".join(beginnings).replace(r"\*", "[^/]+") or "$^")
    return lambda path: pattern.match(path) is not None


READERS = {"azd": as_git, "Core Tools": as_core_tools}


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(name: str) -> Iterator[Path]:
    """Our own files that importing `name` runs: the packages on the way and the module."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        stem = ROOT.joinpath(*parts[:count])
        yield from (path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file())


def closure(start: Path) -> set[str]:
    """Our own files that the program needs, relative to the root."""
    found, waiting = {start}, [start]
    while waiting:
        for name in imports_of(waiting.pop()):
            new = set(files_of(name)) - found
            found |= new
            waiting += new
    return {str(path.relative_to(ROOT)) for path in found}


CLOSURE = closure(ROOT / "function_app.py")


def test_the_closure_reaches_what_is_imported_far_down() -> None:
    assert {
        "functions/scep.py",
        "shared/wiring/worker.py",
        "shared/asn1/reader.py",
        "shared/__init__.py",
    } <= CLOSURE
    # Imported inside functions only.
    assert "shared/store/blobs.py" in CLOSURE


@pytest.mark.parametrize("reader", READERS)
def test_everything_that_the_app_needs_is_deployed(reader: str) -> None:
    ignored = READERS[reader](IGNORE)
    assert [path for path in sorted({*CLOSURE, *NEEDED}) if ignored(path)] == []


@pytest.mark.parametrize("reader", READERS)
def test_everything_else_is_not(reader: str) -> None:
    ignored = READERS[reader](IGNORE)
    assert [path for path in NOT_DEPLOYED if not ignored(path)] == []


def test_the_app_imports_nothing_that_is_not_deployed() -> None:
    assert {path.split("/")[0] for path in CLOSURE} == {"function_app.py", "functions", "shared"}


# Lines that look harmless and are not, and what each reader would leave out for them.
@pytest.mark.parametrize(
    ("reader", "line", "lost"),
    [
        ("azd", "profiles*", "shared/policy/profiles.py"),
        ("azd", "store/", "shared/store/tables.py"),
        ("Core Tools", "/func", "function_app.py"),
        ("Core Tools", "requirements", "requirements.txt"),
        ("Core Tools", "host*", "host.json"),
    ],
)
def test_a_line_too_many_is_found(reader: str, line: str, lost: str) -> None:
    assert READERS[reader](f"{IGNORE}\n{line}\n")(lost)
    assert lost in {*CLOSURE, *NEEDED}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("line", ["/local/", "/commands/", "/tests/", "/local.settings.json", "/.scepter/"])
def test_a_line_too_few_is_found(reader: str, line: str) -> None:
    ignored = READERS[reader](IGNORE.replace(f"{line}\n", ""))
    assert not all(ignored(path) for path in NOT_DEPLOYED)
