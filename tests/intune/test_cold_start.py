"""Nobody pays for mode "intune" who does not use it, and nobody but the looks at a directory pays for Microsoft's SDK:
what is imported, as `python -X importtime` tells it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.microsoft import FakeIntune

ROOT = Path(__file__).resolve().parents[2]
SDK = ("msgraph", "msgraph_core", "kiota_abstractions", "kiota_authentication_azure")
USERS = {f"shared/intune/directory/{name}.py" for name in ("graph", "reader", "pages")}

APP = "import function_app"
ENROL = """
import function_app, pathlib, tempfile
from fakes.microsoft import FakeIntune
from shared import wiring
from tests.intune.scene import Scene
with tempfile.TemporaryDirectory() as folder, FakeIntune(pathlib.Path(folder)) as fake:
    import os
    os.environ["REQUESTS_CA_BUNDLE"] = str(fake.certificate)
    scene = Scene.make(fake)
    wiring.use(scene.app)
    scene.device().enrol()
    scene.app.close()
"""
OCSP = """
import function_app, pathlib, tempfile
from shared import wiring
from tests.functions.memory import MemoryApplication, make_ca
from tests.functions.ocsp_calls import issue, post, request_for, tell
with tempfile.TemporaryDirectory() as folder:
    app = MemoryApplication(make_ca(pathlib.Path(folder)))
    wiring.use(app)
    assert tell(post(request_for(app, issue(app, "one").serial))).states == ["GOOD"]
    app.close()
"""
DIRECTORY = "import shared.intune.directory.reader"


def imported(program: str) -> set[str]:
    """Top-level packages, and the rooms of this one, that a fresh Python imports for it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names = re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s*(\S+)$", done.stderr, re.MULTILINE)
    assert "functions.scep" in names or program == DIRECTORY
    return set(names)


def of(names: set[str], *packages: str) -> list[str]:
    return sorted(
        name for name in names if name.startswith(tuple(f"{each}." for each in packages)) or name in packages
    )


def test_the_function_app_imports_nothing_of_it() -> None:
    assert of(imported(APP), "shared.intune", "msal", "azure.identity", *SDK) == []


@pytest.mark.parametrize("program", [ENROL, OCSP], ids=["SCEP in mode intune", "OCSP"])
def test_neither_scep_nor_ocsp_imports_the_sdk(program: str) -> None:
    names = imported(program)
    assert of(names, *SDK) == []
    assert of(names, "shared.intune.directory") in (
        [],
        ["shared.intune.directory", "shared.intune.directory.objects"],
    )


def test_whoever_looks_at_a_directory_does() -> None:
    """So that the tests above would see it."""
    assert set(SDK) <= imported(DIRECTORY)


def test_three_modules_name_it_and_nobody_imports_them_at_once() -> None:
    naming = re.compile(r"^\s*(?:from|import) (?:msgraph|kiota)", re.MULTILINE)
    using = re.compile(r"^(?:from|import) shared\.intune\.directory\.(?:graph|reader|pages)\b", re.MULTILINE)
    sources = {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for room in ("shared", "functions", "commands", "local", "fakes")
        for path in (ROOT / room).rglob("*.py")
    }
    assert {name for name, text in sources.items() if naming.search(text)} == USERS
    assert {name for name, text in sources.items() if using.search(text)} <= USERS


def test_a_timer_that_looks_at_nothing_imports_nothing(fake: FakeIntune) -> None:
    """The settings of an integration alone do not make its directory looked at."""
    settings = ", ".join(f"{name!r}: {value!r}" for name, value in fake.settings.items())
    program = f"""
import functions.scep
from tests.functions.application import LOCAL, MemoryApplication
app = MemoryApplication({{**LOCAL, {settings}}})
app.reconcile_directories()
app.look_at_installations()
app.close()
"""
    assert of(imported(program), *SDK) == []
