"""Every port over memory and over Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from threading import Lock

import pytest
from azure.data.tables import TableClient

from local.azurite import Azurite
from shared.store.connection import StorageConnection
from shared.store.deliveries import DeliveryLog, DeliveryStore
from shared.store.orders import OrderLog
from shared.store.pending import PendingRequests
from shared.store.ports import (
    CertificateStore,
    Inventory,
    PublicationStore,
    Queue,
    RevocationStore,
    SupersessionStore,
    UseCounter,
)
from shared.store.submissions import Submissions
from shared.store.traces import TraceStore
from tests.contracts.backend import Backend, BothOutboxes, Store, in_azurite, in_memory

_MAKING = Lock()


class _TablesOnDemand(StorageConnection):
    """Makes a table when it is first asked for: a test uses two or three of twenty."""

    @cached_property
    def _made(self) -> set[str]:
        return set()

    def table(self, name: str) -> TableClient:
        client = super().table(name)
        with _MAKING:
            if name not in self._made:
                client.create_table()
                self._made.add(name)
        return client


@pytest.fixture
def connection(azurite: Azurite, unique_name: str) -> Iterator[StorageConnection]:
    """Azurite with tables, containers `<unique_name>-pki` and `-deliveries`, and a queue `-crl` of its own."""
    connection = _TablesOnDemand.from_connection_string(azurite.connection_string, table_prefix=unique_name)
    connection.create_missing(
        tables=(),
        containers=[f"{unique_name}-pki"],
        private=[f"{unique_name}-deliveries"],
        queues=[f"{unique_name}-crl"],
    )
    yield connection
    connection.close()


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
def backend(request: pytest.FixtureRequest, unique_name: str) -> Backend:
    if request.param == "memory":
        return in_memory()
    return in_azurite(request.getfixturevalue("connection"), unique_name)


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.store()


@pytest.fixture
def certificate_store(store: Store) -> CertificateStore:
    return store


@pytest.fixture
def inventory(store: Store) -> Inventory:
    return store


@pytest.fixture
def revocation_store(store: Store) -> RevocationStore:
    return store


@pytest.fixture
def supersession_store(store: Store) -> SupersessionStore:
    return store


@pytest.fixture
def use_counter(backend: Backend) -> UseCounter:
    return backend.use_counter()


@pytest.fixture
def publications(backend: Backend) -> PublicationStore:
    return backend.publications()


@pytest.fixture
def traces(backend: Backend) -> TraceStore:
    return backend.traces()


@pytest.fixture
def pending(backend: Backend) -> PendingRequests:
    return backend.pending()


@pytest.fixture
def outbox(backend: Backend) -> BothOutboxes:
    return backend.outbox()


@pytest.fixture
def submissions(backend: Backend) -> Submissions:
    return backend.submissions()


@pytest.fixture
def queue(backend: Backend) -> Queue:
    return backend.queue()


@pytest.fixture
def deliveries(backend: Backend) -> DeliveryStore:
    return backend.deliveries()


@pytest.fixture
def delivery_log(backend: Backend) -> DeliveryLog:
    return backend.delivery_log()


@pytest.fixture
def orders(backend: Backend) -> OrderLog:
    return backend.orders()
