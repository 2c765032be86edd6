"""The embedded host, started for the demo in a folder of its own, and the Intune that it asks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from commands.session import console, local_values
from fakes.microsoft import FakeIntune
from shared.errors import DependencyError

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 90
INTUNE_PROFILE = "managed"
_PROFILE = f"""
[profiles.{INTUNE_PROFILE}]
title = "Device that Intune manages"
holder = "device"
challenge = "intune"
key_usage = {{ allowed = ["digitalSignature", "keyEncipherment"] }}
extended_key_usage = {{ allowed = ["clientAuth"] }}
validity = 365
subject = {{ CN = {{ pattern = '[0-9A-Fa-f-]{{36}}', required = true }} }}
san = {{ uri = {{ pattern = 'IntuneDeviceId://[0-9A-Fa-f-]{{36}}' }} }}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DemoHost:
    """`with DemoHost(folder) as host:` runs `python -m local` on free ports, storage in memory. `intune` is a fake: its
    answers are those of Microsoft's documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "local.settings.json"
        self.ca_folder = folder / "ca"
        self.intune = FakeIntune(folder)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        ready = self.folder / "ready.json"
        port = str(_free_port())
        settings = ["--settings", str(self.settings), "--port", port]
        command = [sys.executable, "-m", "local", *settings, "--in-memory", "--ready-file", str(ready)]
        with console().status("Making a CA of two tiers"):
            first_run = [sys.executable, "manage.py", "init", *settings]
            subprocess.run(first_run, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            self._allow()
        environment = {
            **os.environ,
            **self.intune.settings,
            "REQUESTS_CA_BUNDLE": str(self.intune.certificate),
        }
        with console().status("Starting the host with Azurite"):
            self.log = (self.folder / "host.log").open("wb")
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log
            )
            self._wait(ready)
        self._running.enter_context(self.intune)
        values = local_values(self.settings)
        served = json.loads(ready.read_text())
        self.url: str = served["url"].rstrip("/")
        self._master_key: str = served["master_key"]
        self.caller_secret = values["SCEPTER_CALLER_SECRETS__DEMO"]
        self.event_secret = values["SCEPTER_EVENT_SECRETS__GENERIC"]
        self.get("/scep/device?operation=GetCACaps")
        console().print(f"[green]started[/]   {self.url} with Azurite in memory, and a CA of two tiers")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.log.close()
        self._running.close()
        console().print("[green]stopped[/]   host and Azurite; nothing is left running")

    @property
    def issuer(self) -> str:
        """The id of the issuing CA."""
        shown = subprocess.run(
            [sys.executable, "manage.py", "ca", "show", "--json", "--folder", str(self.ca_folder)],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        rows = {row["role"]: row for row in json.loads(shown.stdout)}
        return str(rows["issuing"]["id"])

    def get(self, path: str) -> bytes:
        """The body at `path`."""
        return httpx.get(f"{self.url}{path}", timeout=30, trust_env=False).raise_for_status().content

    def run_timer(self, name: str) -> None:
        """Let a timer run now."""
        url, key = f"{self.url}/admin/functions/{name}", {"x-functions-key": self._master_key}
        httpx.post(url, json={}, headers=key, timeout=30, trust_env=False).raise_for_status()

    def _allow(self) -> None:
        """A demo does not wait for half a certificate's life: let it renew at once. Its caller may ask for PFX."""
        profiles = self.folder / "profiles.toml"
        text = profiles.read_text("utf-8").replace('renewal_window = "50%"', 'renewal_window = "100%"')
        text = text.replace('# pfx = ["stored", "brought"]', 'pfx = ["stored"]')
        profiles.write_text(text + _PROFILE)

    def _wait(self, ready: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                tail = (self.folder / "host.log").read_text(errors="replace")[-2000:]
                raise DependencyError(f"the host did not start:\n{tail}")
            time.sleep(0.05)
