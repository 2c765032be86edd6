"""The openssl command line as the second opinion on every message."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class OpenSSL:
    """Runs `openssl` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, data: bytes = b"") -> bytes:
        """What openssl writes for `data` on its input. Fails the test with openssl's own words."""
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, input=data, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout


def start(folder: Path) -> OpenSSL:
    """OpenSSL in `folder`; skips the test where the program is missing, and fails it in CI."""
    if shutil.which("openssl"):
        return OpenSSL(folder)
    reason = "needs the openssl command line: apt-get install openssl"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
