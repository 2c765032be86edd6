"""A host in mode "intune" as a child process, and the fake that it asks over https."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.microsoft import FakeIntune
from local.azurite import Azurite
from tests.e2e.host import Host
from tests.e2e.site import Site

POLICY = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True)
class Managed:
    """A host and the Intune of its two tenants."""

    host: Host
    fake: FakeIntune

    def vouchers(self, device: str) -> dict[str, str]:
        """Who vouched, by serial, of a device's certificates on record."""
        return {row["serial"]: row["vouchedBy"] for row in self.host.records(owner=f"device:{device}")}

    def reported(self) -> list[str]:
        """Serials that Intune knows of."""
        return [each["certificateSerialNumber"].lower() for each in self.fake.scep.successes]


def environment(fake: FakeIntune) -> dict[str, str]:
    """Both integrations of the profiles, with the one fake behind them."""
    names = ("DEFAULT", "BRANCH_OFFICE")
    settings = {key.replace("DEFAULT", name): value for name in names for key, value in fake.settings.items()}
    return {**settings, "REQUESTS_CA_BUNDLE": str(fake.certificate)}


def site_in(folder: Path, azurite: Azurite) -> Site:
    """A site whose profiles are this folder's. Some builds of strongSwan know RSA only, so its CA is one."""
    site = Site.make(folder, azurite.connection_string, key="rsa-2048")
    shutil.copyfile(POLICY, folder / "profiles.toml")
    return site


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    folder = tmp_path_factory.mktemp("managed")
    with (
        Azurite.start(in_memory=True) as azurite,
        FakeIntune(folder) as fake,
        site_in(folder, azurite).running(environment=environment(fake)) as host,
    ):
        yield Managed(host, fake)
