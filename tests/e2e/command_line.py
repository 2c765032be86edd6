"""`manage.py` for tests: each command is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.forked import Forked, Program
from tests.e2e.host import Host
from tests.e2e.site import ROOT

_SECONDS = 60


class Ended:
    """How a command ended. `said` is all it printed, whatever the width it was wrapped to."""

    def __init__(self, code: int, output: str, errors: str) -> None:
        self.code, self.output = code, output
        self.said = " ".join((output + errors).split())
        self.lines = errors.count("\n")

    @property
    def json(self) -> Any:
        assert self.code == 0, self.said
        return json.loads(self.output)

    def assert_refused(self, *words: str) -> None:
        """Exit code 1, and one line that says why."""
        assert self.code == 1, self.said
        assert self.said.startswith("error: ")
        assert self.lines == 1, self.said
        for word in words:
            assert word in self.said


def manage(host: Host, *arguments: str, **environment: str) -> Ended:
    """A command for `host`, by options that every such command has."""
    return run(*arguments, *_for(host), environment=environment)


def run(*arguments: str, environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> Ended:
    """Any command, in a folder, with nothing else in its environment. Fails the test if it takes a minute."""
    with tempfile.TemporaryDirectory() as kept:
        output, errors = Path(kept, "output"), Path(kept, "errors")
        process = Forked(Program("manage", arguments, _given(environment), folder, output, errors))
        try:
            code = process.wait(_SECONDS)
        finally:
            process.kill()
        return Ended(code, output.read_text("utf-8"), errors.read_text("utf-8"))


def started(host: Host, *arguments: str) -> Ended:
    """As `manage`, by a fresh Python as its user starts it."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments, *_for(host)]
    done = subprocess.run(
        command, cwd=ROOT, env=_given(None), capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _for(host: Host) -> list[str]:
    return ["--url", host.url, "--settings", str(host.site.settings)]


def _given(environment: Mapping[str, str] | None) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(environment or {})}
