"""Where hosts run: a folder with settings, CA and profiles, one port, one storage; and the starting of a host there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from commands.first_run import prepare, read_values, write_settings
from shared.ca.ceremony import CAPlan
from shared.ca.folder import CAFolder
from shared.ca.issuer import issuer_id
from tests.e2e.forked import Forked, Program
from tests.e2e.host import Host
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
POLICY = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True)
class Site:
    """A folder with settings, CA and profiles for hosts on one port; `storage` is a connection string."""

    folder: Path
    port: int
    storage: str

    @classmethod
    def make(cls, folder: Path, storage: str, *, key: str = "p-256") -> Site:
        """Prepare a site whose CA keys are of the kind `key`."""
        site = cls(folder, free_port(), storage)
        here = {
            "SCEPTER_PUBLIC_URL": site.url,
            "SCEPTER_PROFILES_FILE": str(folder / "profiles.toml"),
            "SCEPTER_CA_FOLDER": str(folder / "ca"),
            "SCEPTER_STATIC_CHALLENGES__SHARED": "the-shared-secret-of-the-tests",
            "SCEPTER_EVENT_SECRETS__GENERIC": "the-event-secret-of-the-tests",
            "SCEPTER_EVENT_SECRETS__NARROW": "another-event-secret-of-the-tests",
        }
        write_settings(site.settings, here)
        shutil.copyfile(POLICY, folder / "profiles.toml")
        prepare(site.settings, plan=CAPlan(root_key=key, issuing_key=key))
        return site

    @property
    def settings(self) -> Path:
        return self.folder / "local.settings.json"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """The log of all hosts here."""
        return self.folder / "output.txt"

    @property
    def values(self) -> dict[str, str]:
        """The settings."""
        return read_values(self.settings)

    @property
    def ca(self) -> CAFolder:
        return CAFolder(self.folder / "ca")

    @property
    def issuer(self) -> str:
        """The id of the issuing CA."""
        return issuer_id(self.ca.certificate("issuing").spki)

    @property
    def root(self) -> str:
        """The id of the root."""
        return issuer_id(self.ca.certificate("root").spki)

    def let(self, **settings: str) -> None:
        """Change settings for the hosts to come."""
        document = json.loads(self.settings.read_text("utf-8"))
        document["Values"].update(settings)
        self.settings.write_text(json.dumps(document), "utf-8")

    def beside(self) -> Site:
        """The same site on another port: for a second worker, over the same storage and with the same CA."""
        return replace(self, port=free_port())

    @contextmanager
    def running(self, app: Path = ROOT, environment: Mapping[str, str] | None = None) -> Iterator[Host]:
        """A host of this site, serving. On leaving it ends with code 0 and without children, unless it was killed."""
        host = self._start(app, environment or {})
        try:
            host.wait_until_ready()
            yield host
            if not host.killed:
                host.stop()
        finally:
            host.end()

    def _start(self, app: Path, environment: Mapping[str, str]) -> Host:
        ready = self.folder / f"ready-{self.port}.json"
        options = ["--app", str(app), "--port", str(self.port), "--settings", str(self.settings)]
        options += ["--storage", self.storage, "--ready-file", str(ready)]
        given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
        program = Program("local", options, given, self.folder, self.output, self.output)
        return Host(self, Forked(program), ready)
