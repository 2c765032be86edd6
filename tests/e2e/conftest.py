"""Hosts for the tests of this folder, each over an Azurite of its own: two hosts on one would share the CRL queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.azurite import Azurite
from tests.e2e.host import Host
from tests.e2e.site import Site


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with a P-256 CA for tests that do not end it."""
    with _host(tmp_path_factory, "p-256") as running:
        yield running


@pytest.fixture(scope="session")
def rsa_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with an RSA CA for tests that do not end it."""
    with _host(tmp_path_factory, "rsa-2048") as running:
        yield running


@contextmanager
def _host(folders: pytest.TempPathFactory, key: str) -> Iterator[Host]:
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(folders.mktemp(key), azurite.connection_string, key=key)
        with site.running() as host:
            yield host
            host.served.add_records(site.storage, site.issuer)
            assert host.served.findings() == []
