"""Programs of ours as processes that are forked from one that has imported everything they need.

Starting Python and importing is most of what a host or a command costs here, and some hundred are run. A fork knows
nothing of the others: it has a session, a folder and an environment of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from threading import Lock

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *("local.host", "shared.wiring.worker", "tests.e2e.forked"),
        *("azure.data.tables", "azure.storage.blob", "azure.storage.queue"),
        *("commands.cli", "commands.ca", "commands.cert", "commands.challenge", "commands.crl"),
        *("commands.event", "commands.health", "commands.intune", "commands.pfx", "commands.pkcs"),
        *("commands.profile", "commands.queue", "commands.request", "commands.revocation"),
        *("commands.scep", "commands.trace"),
    ]
)


@dataclass(frozen=True)
class Program:
    """What is run: `module` as `python -m` does, in `folder`, with nothing in its environment but `environment`."""

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    errors: Path


class Forked:
    """A running program, asked as a subprocess.Popen is, by any thread."""

    # An exit code can be read once, and a start looks for those of all others: of two at a time one would get 255.
    _reading = Lock()

    def __init__(self, program: Program) -> None:
        self._process = _FORKS.Process(target=_be, args=(program,))
        with self._reading:
            self._process.start()
        self.pid: int = self._process.pid or 0

    def poll(self) -> int | None:
        """The exit code, once there is one; a signal's is negative."""
        with self._reading:
            return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        connection.wait([self._process.sentinel], seconds)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds or 0)
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        """With whatever it started; nothing if it has ended."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()


def _be(program: Program) -> None:
    """What a shell does between fork and exec, and then the program."""
    os.setsid()
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.environment)
    for number, path in ((1, program.output), (2, program.errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    sys.argv = [program.module, *program.arguments]
    runpy.run_module(program.module, run_name="__main__", alter_sys=True)
