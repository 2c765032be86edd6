"""A site whose CAs come from an offline root, by the commands that an administrator types, in this process."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from commands import ca
from shared.ca.folder_holdings import certificates_in
from shared.ca.issuer import issuer_id
from shared.x509.certificate import Certificate
from tests.e2e.site import Site


@dataclass(frozen=True)
class House:
    """`root` is the offline root's folder: no host ever sees it."""

    site: Site

    @classmethod
    def make(cls, folder: Path, storage: str) -> House:
        """Root and first issuing CA, by the ceremony."""
        site = Site.make(folder, storage)
        shutil.rmtree(site.ca.path)
        house = cls(site)
        house.make_root("root", "CN=Example Root CA,O=Example")
        house.install(house.sign(house.request("one", "CN=Example Issuing CA 1,O=Example"), "one"))
        return house

    @property
    def folder(self) -> Path:
        return self.site.folder

    def run(self, *command: str) -> Any:
        """What a command tells as JSON. Fails the test if it does not end well."""
        done = CliRunner().invoke(
            ca.cli, [*command, "--settings", str(self.site.settings), "--json"], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def managed(self, *command: str) -> Any:
        """The same of a command that asks the host."""
        return self.run(*command, "--url", self.site.url)

    def make_root(self, name: str, subject: str) -> Certificate:
        self.run("root-init", "--root", str(self.folder / name), "--subject", subject, "--key", "p-256")
        return certificates_in(self.folder / name / "root.pem")[0]

    def request(self, name: str, subject: str = "") -> Path:
        """A request for a new key, or for the one that issues."""
        file = self.folder / f"{name}.csr"
        asked = ("--subject", subject, "--key", "p-256") if subject else ("--renew",)
        self.run("request", *asked, "--out", str(file))
        return file

    def sign(self, request: Path, name: str, *more: str, root: str = "root") -> Path:
        file = self.folder / f"{name}.pem"
        self.run("sign", str(request), "--root", str(self.folder / root), "--out", str(file), *more)
        return file

    def install(self, *files: Path) -> dict[str, Any]:
        told: dict[str, Any] = self.run("install", *map(str, files))
        return told

    def root_crl(self, *more: str) -> Path:
        file = self.folder / "root-crl.pem"
        self.run("root-crl", "--root", str(self.folder / "root"), "--out", str(file), *more)
        return file

    def successor(self, name: str, subject: str) -> Certificate:
        """One more CA, installed and waiting."""
        file = self.sign(self.request(name, subject), name)
        assert "waits" in self.install(file)["done"]
        return certificates_in(file)[0]

    def rows(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.run("show")
        return shown

    def meter(self) -> dict[str, tuple[str, int, str]]:
        """By id: part, holders, share."""
        found = self.managed("rollover")["authorities"]
        return {each["id"]: (each["part"], each["holders"], each["share"]) for each in found}


def id_of(certificate: Certificate) -> str:
    return issuer_id(certificate.spki)
