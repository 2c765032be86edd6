"""The house keeps its style: sizes, no rooms called after nothing, and a cold start that imports little."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = [ROOT / name for name in ("functions", "shared", "commands", "local", "fakes")]
FILES = [path for folder in PRODUCT for path in sorted(folder.rglob("*.py"))]
LONGEST_FILE, LONGEST_FUNCTION, LOCAL_LINES, HANDLER_LINES = 300, 60, 900, 15
NAMELESS = {"utils", "helpers", "common", "models", "services", "managers", "misc"}

HEAVY = (
    "msgraph",
    "typer",
    "rich",
    "aiohttp",
    "httpx",
    "azure.identity",
    "azure.storage.blob",
    "azure.keyvault",
    "limits",
)


def functions_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_FILE
    too_long = [node.name for node in functions_of(path) if lines_of(node) > LONGEST_FUNCTION]
    assert too_long == []


def test_functions_are_short_in_the_median() -> None:
    sizes = sorted(lines_of(node) for path in FILES for node in functions_of(path))
    assert sizes[len(sizes) // 2] < 10


def test_the_embedded_host_stays_small() -> None:
    assert sum(path.read_text("utf-8").count("\n") for path in (ROOT / "local").glob("*.py")) <= LOCAL_LINES


def test_handlers_are_thin() -> None:
    """What a decorator of azure.functions registers: parse, call, render."""
    thick = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "functions").glob("*.py")
        for node in functions_of(path)
        if node.decorator_list and lines_of(node) > HANDLER_LINES + len(node.decorator_list)
    ]
    assert thick == []


def test_rooms_are_named_by_purpose() -> None:
    names = {part for path in FILES for part in (*path.relative_to(ROOT).parts[:-1], path.stem)}
    assert not names & NAMELESS


def test_modules_say_what_lives_in_them() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in FILES
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_a_cold_start_imports_nothing_heavy() -> None:
    """What the platform imports before the first call: each of these costs up to a second there."""
    program = f"import sys, function_app; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.split() == []


def test_only_wiring_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "shared").rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("os.environ", "getenv"))
    ]
    assert readers == ["shared/wiring/worker.py"]
