"""Nobody pays for mode "intune" who does not use it: nothing of it is imported with the function app."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, function_app
print(*sorted(name for name in sys.modules if name.startswith(("shared.intune", "msal", "azure.identity"))))
"""


def test_the_function_app_imports_nothing_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
