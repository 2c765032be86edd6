"""A host over the run's Azurite for the tests of this folder."""

import secrets
from collections.abc import Iterator

import pytest

from local.azurite import Azurite
from tests.host.process import HostProcess, running_host


@pytest.fixture(scope="session")
def host(azurite: Azurite) -> Iterator[HostProcess]:
    """One host of the fixture app for tests that do not end it; its queues are its own."""
    environment = {"TEST_PREFIX": f"t{secrets.token_hex(6)}", "LOCAL_FUNCTION_KEY": "the-function-key"}
    with running_host("--storage", azurite.connection_string, environment=environment) as running:
        yield running
