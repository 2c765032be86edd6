"""micromdm's scepserver: a CA that is its own RA, with a depot of files. It listens on every interface."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.programs import program

PATIENCE = 20.0


@contextmanager
def scepserver(folder: Path, challenge: str) -> Iterator[str]:
    """The URL of a server whose CA, of RSA-2048, is made in `folder`; certificates may renew at once."""
    command, port = program("scepserver"), free_port()
    subprocess.run(
        [command, "ca", "-init", "-keySize", "2048"], cwd=folder, check=True, capture_output=True, timeout=60
    )
    arguments = ["-depot", "depot", "-port", str(port), "-challenge", challenge, "-allowrenew", "0"]
    with (folder / "server.txt").open("wb") as output:
        process = subprocess.Popen([command, *arguments], cwd=folder, stdout=output, stderr=output)
        try:
            _await(process, port)
            yield f"http://127.0.0.1:{port}/scep"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
