"""Hosts whose CA is in a fake vault: the product's function app, which trusts the fake and has a token for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shared.ca.issuer import issuer_id
from tests.e2e.host import Host
from tests.e2e.site import ROOT, Site
from tests.ports import free_port
from tests.vault.ceremony import install_ca
from tests.vault.credential import AUDIENCE
from tests.vault.server import FakeVault


@dataclass(frozen=True)
class VaultSite:
    """A site and the vault that its hosts use."""

    site: Site
    vault: FakeVault
    issuing: str
    app: Path

    @classmethod
    def make(cls, folder: Path, storage: str, vault: FakeVault, algorithm: str = "p-256") -> VaultSite:
        """Prepare it: settings, profiles, and a CA in the vault."""
        app = folder / "app"
        shutil.copytree(Path(__file__).with_name("vault_app"), app)
        shutil.copy(ROOT / "host.json", app)
        site = Site.make(folder, storage)
        shutil.rmtree(site.ca.path)  # nothing but the vault has a CA
        return cls(site, vault, issuer_id(install_ca(vault, site.url, algorithm).spki), app)

    @contextmanager
    def hosts(self, count: int, **settings: str) -> Iterator[list[Host]]:
        """So many workers, each a process of its own."""
        environment = {
            "FAKE_VAULT_TRUST": str(self.vault.trust),
            "SCEPTER_VAULT_URL": self.vault.url,
            "SCEPTER_VAULT_AUDIENCE": AUDIENCE,
            **settings,
        }
        site = _Site(self.site.folder, self.site.port, self.site.storage, self.issuing)
        with ExitStack() as stack:
            sites = [site, *(replace(site, port=free_port()) for _ in range(count - 1))]
            yield [stack.enter_context(each.running(app=self.app, environment=environment)) for each in sites]


@dataclass(frozen=True)
class _Site(Site):
    """A site that has no folder to look its issuer up in."""

    issuing: str = ""

    @property
    def issuer(self) -> str:
        return self.issuing
