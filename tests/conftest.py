"""Fixtures of the whole run: one Azurite in memory, fresh names for every test, the openssl command line."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from local.azurite import Azurite
from tests.programs import OpenSSL, openssl_in
from tests.vault.server import FakeVault

# A busy machine is no fault of the code: nothing here is judged by how long an example took.
settings.register_profile(
    "patient", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One Azurite in memory, on free ports, for the whole run. Tests keep apart by `unique_name`."""
    with Azurite.start(in_memory=True) as running:
        yield running


@pytest.fixture
def unique_name() -> str:
    """A prefix no other test uses: lower-case letters and digits, good for queues, tables and containers."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[FakeVault]:
    """A Key Vault of its own, over TLS."""
    with FakeVault(tmp_path) as running:
        yield running


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSSL:
    """openssl in an empty folder; the test is skipped where the program is missing, and fails in CI."""
    return openssl_in(tmp_path)
