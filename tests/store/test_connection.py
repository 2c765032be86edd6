"""The factory of clients: identity first, lazy imports, one client per name, and quiet logs."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from local.azurite import Azurite
from shared.errors import StoreUnavailable
from shared.store.blobs import BlobPublicationStore
from shared.store.connection import TABLES, StorageConnection
from shared.store.queues import StorageQueue
from shared.store.tables import TableStore
from shared.store.transport import StorageTransport
from tests.contracts import examples

URIS = {
    "blob": "https://example.blob.core.windows.net",
    "queue": "https://example.queue.core.windows.net",
    "table": "https://example.table.core.windows.net",
}


class Identity:
    """An Entra credential as azure-core sees one."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(f"token for {' '.join(scopes)}", 2**31)


class Nobody:
    """A credential that is refused."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        raise ClientAuthenticationError("no identity for ann@example.org")


class Recorder(StorageTransport):
    """Sends nothing, and keeps what would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def send(self, request: Any, **_: Any) -> Any:
        self.sent.append(request)
        raise ServiceRequestError("not sent")

    def sleep(self, duration: float) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


def store_of(connection: StorageConnection) -> TableStore:
    return TableStore(
        owners=connection.table("owners"),
        certificates=connection.table("certificates"),
        changes=connection.table("changes"),
        supersessions=connection.table("supersessions"),
    )


def test_requests_carry_the_identitys_token_to_the_services(recorder: Recorder) -> None:
    connection = StorageConnection.from_uris(
        URIS, credential=Identity(), table_prefix="blue", transport=recorder
    )
    with pytest.raises(StoreUnavailable):
        store_of(connection).claim(examples.claim())
    with pytest.raises(StoreUnavailable):
        BlobPublicationStore(connection.container()).read("crl/a.crl")
    with pytest.raises(StoreUnavailable):
        StorageQueue(connection.queue("crl")).send({"version": 1})
    assert {request.url.split("?")[0] for request in recorder.sent} == {
        "https://example.table.core.windows.net/blueowners",
        "https://example.blob.core.windows.net/pki/crl/a.crl",
        "https://example.queue.core.windows.net/crl/messages",
    }
    tokens = {request.headers["Authorization"] for request in recorder.sent}
    assert tokens == {"Bearer token for https://storage.azure.com/.default"}


def test_a_refused_identity_is_unavailable_and_not_quoted(recorder: Recorder) -> None:
    connection = StorageConnection.from_uris(URIS, credential=Nobody(), transport=recorder)
    with pytest.raises(StoreUnavailable) as away:
        store_of(connection).find(examples.ISSUER, examples.serial())
    assert "ann@" not in away.value.reason
    assert recorder.sent == []


@pytest.mark.parametrize(
    ("client_id", "kind"),
    [("7d1c0c27-4a1c-4b6a-9d56-000000000000", ManagedIdentityCredential), (None, DefaultAzureCredential)],
)
def test_the_identity_is_the_managed_one_or_whatever_there_is(
    recorder: Recorder, client_id: str | None, kind: type
) -> None:
    connection = StorageConnection.from_uris(URIS, client_id=client_id, transport=recorder)
    assert isinstance(connection.table("owners").credential, kind)


def test_a_token_never_travels_in_the_clear(recorder: Recorder) -> None:
    connection = StorageConnection.from_uris(
        {"table": "http://example.table.core.windows.net"}, credential=Identity(), transport=recorder
    )
    with pytest.raises(ValueError, match="HTTPS"):
        connection.table("owners")


def test_sdks_are_imported_when_they_are_needed() -> None:
    script = """
import sys
from shared.store.connection import StorageConnection
connection = StorageConnection.from_connection_string("UseDevelopmentStorage=true")
heavy = {"azure.identity", "azure.data.tables", "azure.storage.blob", "azure.storage.queue"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
connection.table("owners")
assert heavy & set(sys.modules) == {"azure.data.tables"}, heavy & set(sys.modules)
connection.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_client_is_made_once(recorder: Recorder) -> None:
    connection = StorageConnection.from_connection_string("UseDevelopmentStorage=true", transport=recorder)
    with ThreadPoolExecutor(8) as threads:
        clients = list(threads.map(lambda _: connection.table("owners"), range(32)))
    assert all(client is clients[0] for client in clients)
    assert connection.table("certificates") is not clients[0]
    assert connection.queue("crl") is connection.queue("crl")
    assert connection.container() is connection.container()


@pytest.mark.azurite
def test_creating_what_is_missing_may_be_repeated(azurite: Azurite, unique_name: str) -> None:
    connection = StorageConnection.from_connection_string(azurite.connection_string, table_prefix=unique_name)
    for _ in range(2):
        connection.create_missing(containers=[unique_name], queues=[unique_name])
    for name in TABLES:
        assert list(connection.table(name).list_entities()) == []
    assert connection.container(unique_name).get_container_properties().public_access is None
    assert connection.queue(unique_name).get_queue_properties().approximate_message_count == 0
    connection.close()


@pytest.mark.azurite
def test_logs_name_nobody(azurite: Azurite, unique_name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    connection = StorageConnection.from_connection_string(azurite.connection_string, table_prefix=unique_name)
    connection.create_missing(containers=[unique_name], queues=[unique_name])
    store = store_of(connection)
    store.claim(examples.claim(owner="user:ann@example.org", identity="challenge-of-ann"))
    assert store.find_claim("user:ann@example.org", "challenge-of-ann")
    StorageQueue(connection.queue(unique_name)).send({"device": "ann@example.org"})
    BlobPublicationStore(connection.container(unique_name)).read("crl/ann.crl")
    assert "ann" not in caplog.text
    assert "core.pipeline" not in caplog.text
    connection.close()
