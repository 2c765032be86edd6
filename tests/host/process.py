"""`python -m local` as a child process of a test: started, awaited, asked, stopped, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
APP = Path(__file__).parent / "app"
PATIENCE = 40.0


class HostProcess:
    """A host that serves. `ready` is its ready file; `record` what the fixture app wrote down."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process, self.folder = process, folder
        self.ready: dict[str, Any] = {}
        self.client = httpx.Client(timeout=30, trust_env=False)

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def master(self) -> dict[str, str]:
        """The header that opens the admin API."""
        return {"x-functions-key": str(self.ready["master_key"])}

    def output(self) -> str:
        return (self.folder / "output.txt").read_text(errors="replace")

    def record(self, *functions: str) -> list[dict[str, Any]]:
        """What these functions of the fixture app saw, in order."""
        path = self.folder / "record.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["function"] in functions]

    def await_record(self, function: str, count: int = 1, **like: object) -> list[dict[str, Any]]:
        """Wait until `function` has written `count` records with these values, and return them."""

        def found() -> list[dict[str, Any]]:
            entries = self.record(function)
            return [e for e in entries if all(e.get(name) == value for name, value in like.items())]

        await_true(lambda: len(found()) >= count, lambda: f"{function} {like}: {found()}\n{self.output()}")
        return found()

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE)

    def await_ready(self, path: Path) -> None:
        await_true(lambda: path.exists() or self.process.poll() is not None, self.output)
        assert path.exists(), f"exit code {self.process.returncode}\n{self.output()}"
        self.ready = json.loads(path.read_text())


def await_true(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)


def spawn(
    folder: Path, *arguments: str, app: Path = APP, environment: Mapping[str, str] | None = None
) -> HostProcess:
    """Start `python -m local` with its output in `folder`; `HostProcess.stop` ends it."""
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TEST_RECORD": str(folder / "record.jsonl"),
        "TEST_PREFIX": "test",
        "TEST_SCHEDULE": "0 0 0 1 1 *",
        **(environment or {}),
    }
    command = [sys.executable, "-m", "local", "--app", str(app), *arguments]
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=given, stdout=output, stderr=subprocess.STDOUT)
    return HostProcess(process, folder)


@contextmanager
def running_host(
    *arguments: str, app: Path = APP, environment: Mapping[str, str] | None = None
) -> Iterator[HostProcess]:
    """A host on a free port, ready; on leaving it is stopped, and must end with 0 unless the test ended it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ready = folder / "ready.json"
        host = spawn(
            folder, "--port", "0", "--ready-file", str(ready), *arguments, app=app, environment=environment
        )
        try:
            host.await_ready(ready)
            yield host
            ended = host.process.poll()
            code = host.stop()
            assert ended is not None or code == 0, host.output()
        finally:
            host.client.close()
            if host.process.poll() is None:
                host.process.kill()
                host.process.wait()
