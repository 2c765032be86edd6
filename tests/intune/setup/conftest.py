"""A host in mode "intune", and a tenant that nobody has set up yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.microsoft import FakeIntune
from fakes.microsoft.entra import ADMINISTRATOR, ADMINISTRATOR_ROLES, CLIENT_SECRET, TENANT
from local.azurite import Azurite
from tests.e2e.command_line import Ended, manage
from tests.e2e.host import Host
from tests.e2e.site import Site


@dataclass(frozen=True)
class Prepared:
    """`manage` runs a command as an administrator of the tenant, who is not the identity that the host has."""

    host: Host
    fake: FakeIntune

    def manage(self, *arguments: str, roles: frozenset[str] = ADMINISTRATOR_ROLES) -> Ended:
        self.fake.entra.administrator = set(roles)
        return manage(self.host, "intune", *arguments, **self.signed_in)

    @property
    def signed_in(self) -> dict[str, str]:
        return {
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": ADMINISTRATOR,
            "AZURE_CLIENT_SECRET": CLIENT_SECRET,
            "AZURE_AUTHORITY_HOST": self.fake.url,
            "REQUESTS_CA_BUNDLE": str(self.fake.certificate),
        }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("prepared")
    with Azurite.start(in_memory=True) as azurite, FakeIntune(folder) as fake:
        site = Site.make(folder, azurite.connection_string, key="rsa-2048")
        shutil.copyfile(Path(__file__).with_name("profiles.toml"), folder / "profiles.toml")
        more = {
            "SCEPTER_INTUNE__DEFAULT__DIRECTORY": "true",
            "SCEPTER_INTUNE__DEFAULT__INSTALLATIONS": "true",
        }
        environment = {**fake.settings, **more, "REQUESTS_CA_BUNDLE": str(fake.certificate)}
        with site.running(environment=environment) as host:
            yield Prepared(host, fake)
