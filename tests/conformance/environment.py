"""Finds Python 3.13 and makes an environment with Microsoft's worker library in it.

`python environment.py FOLDER` makes it (`make conformance-venv` does that). Standard library only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".scepter" / "conformance-venv"
PACKAGES = ["-r", str(ROOT / "requirements.txt"), "azure-functions-runtime==1.3.*"]
INSTALL = (
    "install Python 3.13 (`pyenv install 3.13` or `uv python install 3.13`), then `make conformance-venv`"
)
CHECK = "import sys; sys.exit(sys.version_info[:2] != (3, 13))"


def candidates() -> Iterator[Path]:
    """Where a Python 3.13 may be: on the PATH, with pyenv, with uv."""
    if found := shutil.which("python3.13"):
        yield Path(found)
    yield from sorted(Path("~/.pyenv/versions").expanduser().glob("3.13*/bin/python"))
    home = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or "~/.local/share/uv/python").expanduser()
    yield from sorted(home.glob("cpython-3.13*/bin/python3.13"))


def is_python_313(python: Path) -> bool:
    # A pyenv shim on the PATH exists for versions that are not switched on: only running it tells.
    return subprocess.run([python, "-c", CHECK], capture_output=True, check=False).returncode == 0


def find_python_313() -> Path | None:
    return next((python for python in candidates() if is_python_313(python)), None)


def conformance_python() -> Path | None:
    """The interpreter with the worker library: CONFORMANCE_PYTHON, or that of the environment made here."""
    python = Path(os.environ.get("CONFORMANCE_PYTHON") or FOLDER / "bin" / "python")
    return python if python.exists() else None


def make(folder: Path) -> None:
    """Make the environment, or bring it up to date. Ends the process with a sentence if there is no Python 3.13."""
    python = find_python_313()
    if python is None:
        sys.exit(f"No Python 3.13 here: {INSTALL}")
    print(f"== {folder} with {python} (about 20 s)")  # noqa: T201
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
