"""Every port over software and over the fake vault; over a given vault too, where the environment names one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.keys.vaults import Vaults
from tests.keys.backends import GIVEN_URL, Backend, given_backend, software_backend, vault_backend
from tests.vault.clients import vaults_over
from tests.vault.server import FakeVault

BACKENDS = ["software", "vault", *(["given vault"] if GIVEN_URL else [])]


@pytest.fixture(scope="session")
def shared_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeVault]:
    """One vault for the contract suites: making keys takes its time."""
    with FakeVault(tmp_path_factory.mktemp("vault")) as vault:
        yield vault


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "software":
        yield software_backend()
    elif request.param == "given vault":
        with given_backend() as backend:
            yield backend
    else:
        vault: FakeVault = request.getfixturevalue("shared_vault")
        with vaults_over(vault) as vaults:
            yield vault_backend(vaults, vault.url, hsm=True)


@pytest.fixture
def vaults(vault: FakeVault) -> Iterator[Vaults]:
    with vaults_over(vault) as made:
        yield made
