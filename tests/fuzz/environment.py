"""An environment with atheris, and a coverage-guided run in it: `python tests/fuzz/environment.py SECONDS`.

`make fuzz-guided` does that. Where atheris cannot be installed it says how, and is skipped. Standard library only.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".scepter" / "fuzz"
ATHERIS = "atheris==3.0.0"
INSTALL = f"PYTHON=python3.11 make fuzz-guided  (Linux x86-64; {ATHERIS} has wheels for CPython 3.11 to 3.13)"


def install(python: Path) -> bool:
    """Make the environment of `python`, or bring it up to date; whether atheris works there."""
    if not python.exists():
        print(f"== {ATHERIS} into {python.parents[1]} (about 30 s, once)")  # noqa: T201
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = ["--only-binary", "atheris", ATHERIS, "-r", str(ROOT / "requirements.txt")]
    if subprocess.run([*pip, *wanted], check=False).returncode:
        return False
    return subprocess.run([python, "-c", "import atheris"], check=False).returncode == 0


def main(seconds: int) -> int:
    """The exit code: 0 if nothing was found, or if there is no atheris for this Python."""
    python = FOLDER / "venv" / "bin" / "python"
    if not install(python):
        print(f"Skipped: no {ATHERIS} for Python {sys.version.split()[0]} here. Try {INSTALL}")  # noqa: T201
        return 0
    command = [str(python), "-m", "tests.fuzz.guided", str(FOLDER), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    if done.returncode:
        print(f"Found: see {FOLDER}/crash-*")  # noqa: T201
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600))
