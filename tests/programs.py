"""External programs that tests use as second opinions and as real clients, found in one place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of `name`. Skips the test where the program is missing, and fails it in CI."""
    # Debian keeps daemons where a plain user's PATH does not look.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path:
        return path
    reason = f"{name} is not on this machine: run `make system-packages`"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class OpenSSL:
    """Runs `openssl` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = program("openssl")

    def run(self, *arguments: str, data: bytes = b"") -> bytes:
        """What openssl writes for `data` on its input. Fails the test with openssl's own words."""
        done = self._start(arguments, data)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def refusal(self, *arguments: str, data: bytes = b"") -> str:
        """What openssl says when it refuses. Fails the test if it does not."""
        done = self._start(arguments, data)
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode != 0, said
        return said

    def words(self, *arguments: str, data: bytes = b"") -> str:
        """All that openssl says, however it ends; `crl -verify` ends well even where it does not verify."""
        done = self._start(arguments, data)
        return (done.stdout + done.stderr).decode(errors="replace")

    def _start(self, arguments: tuple[str, ...], data: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self._path, *arguments],
            cwd=self.folder,
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )


def openssl_in(folder: Path) -> OpenSSL:
    """OpenSSL in `folder`; skips the test where the program is missing, and fails it in CI."""
    return OpenSSL(folder)
