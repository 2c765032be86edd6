"""How long a worker takes from nothing to its first answers: what the platform makes a device wait for.

Storage runs before and a CA is there. Modules are compiled and files are in the system's cache, as for a worker that
is started again. To compile ours, which nobody has done in a package that was only zipped, is a line of its own.
"""

from __future__ import annotations

import compileall
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.report import Report, Row, best, progress
from bench.servers import Site
from commands.first_run import ROOT
from local.azurite import Azurite

_HEAVIEST = 8
ABOUT = (
    "seconds of the wall: importing function_app in a Python that has just started (`-X importtime`), and in whose "
    "modules they are spent; the host from the start of its process to its first answer, GetCACaps; then GetCACert, "
    "which wants the CA, and a first enrolment, which wants storage"
)
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def measure(times: int) -> Report:
    """Everything `times` times, of which the better quartile counts."""
    found = Report("cold start", ABOUT)
    with tempfile.TemporaryDirectory(prefix="scepter-bench-") as folder:
        imports = _imports(Path(folder), times, compiled=True)
        found.rows.append(_row("import function_app", [each.total() / 1e6 for each in imports]))
        for name, _ in imports[0].most_common(_HEAVIEST):
            found.rows.append(_row(f"of it {name}", [each[name] / 1e6 for each in imports]))
        source = [each.total() / 1e6 for each in _imports(Path(folder), times, compiled=False)]
        found.rows.append(_row("import function_app, ours not compiled", source))
    with (
        Azurite.start(in_memory=True) as azurite,
        tempfile.TemporaryDirectory(prefix="scepter-bench-") as folder,
    ):
        site = Site(Path(folder), "p-256")
        starts = [_start(site, azurite) for _ in progress(range(times), "starting the host")]
    for number, what in enumerate(("host to the first GetCACaps", "then GetCACert", "then an enrolment")):
        found.rows.append(_row(what, [each[number] for each in starts]))
    return found


def _row(what: str, seconds: list[float]) -> Row:
    return {"what": what, "seconds": round(best(seconds), 3), "slowest": round(max(seconds), 3)}


def _imports(folder: Path, times: int, *, compiled: bool) -> list[Counter[str]]:
    """Microseconds spent in the modules of each package, as Python counts them, in a copy of what is deployed."""
    app = folder / ("compiled" if compiled else "source")
    app.mkdir()
    shutil.copyfile(ROOT / "function_app.py", app / "function_app.py")
    for room in ("functions", "shared"):
        shutil.copytree(ROOT / room, app / room, ignore=shutil.ignore_patterns("__pycache__"))
    if compiled:
        compileall.compile_dir(app, quiet=1)
    command = [sys.executable, "-B", "-X", "importtime", "-c", "import function_app"]
    found = []
    for _ in progress(range(times), "importing function_app"):
        output = subprocess.run(command, cwd=app, capture_output=True, text=True, check=True).stderr
        counted = Counter[str]()
        for microseconds, module in _LINE.findall(output):
            counted[_package(module)] += int(microseconds)
        found.append(counted)
    return found


def _package(module: str) -> str:
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return "the standard library"
    return ".".join(parts[: 2 if parts[0] == "azure" else 1])


def _start(site: Site, azurite: Azurite) -> tuple[float, float, float]:
    """Seconds to the first answers, one after the other; `running` itself asks for the first two."""
    begun = time.perf_counter()
    with site.running(azurite) as server:
        return server.answered - begun, server.known - server.answered, server.enrol(1)
