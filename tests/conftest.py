"""Fixtures of the whole run: one Azurite in memory, and fresh names for every test."""

import secrets
from collections.abc import Iterator

import pytest

from local.azurite import Azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One Azurite in memory, on free ports, for the whole run. Tests keep apart by `unique_name`."""
    with Azurite.start(in_memory=True) as running:
        yield running


@pytest.fixture
def unique_name() -> str:
    """A prefix no other test uses: lower-case letters and digits, good for queues, tables and containers."""
    return f"t{secrets.token_hex(6)}"
