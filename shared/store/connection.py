"""The way to a storage account: one factory of clients, which share connections, credential and patience.

A connection string, or the service URIs and an Entra identity; account keys are not needed in Azure. The SDKs
are imported when first asked for: they cost up to 0.2 s of a cold start each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from azure.core.exceptions import AzureError, ResourceExistsError

from shared.store.faults import code_of, translate
from shared.store.transport import STORAGE_RETRIES, TABLE_RETRIES, StorageTransport

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport
    from azure.data.tables import TableClient
    from azure.storage.blob import ContainerClient
    from azure.storage.queue import QueueClient

TABLES: Final = (
    *("owners", "certificates", "changes", "supersessions", "uses", "traces", "requests", "outbox"),
    *("devices", "events", "parked", "holds", "brake"),
    *("orders", "deliveries", "parcels", "pfxrequests"),
)
PUBLICATIONS: Final = "pki"
"""The container of CRLs and CA certificates."""
DELIVERIES: Final = "deliveries"
PARCELS: Final = "parcels"
"""The container of imported PFX files."""
PRIVATE: Final = (DELIVERIES, PARCELS)
"""Containers that are never public, not on one's own machine either."""

# URLs of rows hold device and user ids: the SDK's own request log stays off, whatever the root logger's
# level.
_QUIET: Final = logging.getLogger("scepter.store.http")
_QUIET.setLevel(logging.WARNING)

Client = TypeVar("Client")
Maker = Callable[[type[Any], str, str, Mapping[str, object]], object]
"""SDK class, service, name, options -> client."""


class StorageConnection:
    """Clients by name, made once. Thread-safe; `close` ends the connections.

    `table_prefix` goes before every table's name; containers and queues have the names they are asked for by.
    `transport` (azure-core's) replaces the pooled default; whoever brings one closes it.
    """

    def __init__(
        self,
        make: Maker,
        *,
        table_prefix: str = "",
        transport: HttpTransport[Any, Any] | None = None,
    ) -> None:
        self._make = make
        self._prefix = table_prefix
        self._own_transport = StorageTransport() if transport is None else None
        self._transport = transport or self._own_transport
        self._clients: dict[tuple[str, str, str], object] = {}
        self._lock = Lock()

    @classmethod
    def from_connection_string(
        cls,
        connection_string: str,
        *,
        table_prefix: str = "",
        transport: HttpTransport[Any, Any] | None = None,
    ) -> Self:
        """For local runs: `UseDevelopmentStorage=true`, Azurite's, or any account's connection string."""

        def make(kind: type[Any], _service: str, name: str, options: Mapping[str, object]) -> object:
            return kind.from_connection_string(connection_string, name, **options)

        return cls(make, table_prefix=table_prefix, transport=transport)

    @classmethod
    def from_uris(
        cls,
        uris: Mapping[str, str],
        *,
        credential: TokenCredential | None = None,
        client_id: str | None = None,
        table_prefix: str = "",
        transport: HttpTransport[Any, Any] | None = None,
    ) -> Self:
        """For Azure: `uris` has the https endpoints under "blob", "queue" and "table" (those that are used).

        `credential` is any Entra credential; without one it is the managed identity `client_id`, or if that
        is None too, what azure-identity finds (the system-assigned identity, a developer's login).
        """
        identity = credential or _identity(client_id)

        def make(kind: type[Any], service: str, name: str, options: Mapping[str, object]) -> object:
            return kind(uris[service], name, credential=identity, **options)

        return cls(make, table_prefix=table_prefix, transport=transport)

    def table(self, name: str) -> TableClient:
        """The client of table `name`, with the prefix before it."""
        from azure.data.tables import TableClient

        return self._client(TableClient, "table", f"{self._prefix}{name}", **TABLE_RETRIES)

    def container(self, name: str = PUBLICATIONS) -> ContainerClient:
        """The client of a blob container. One read or put is one request up to 64 MiB."""
        from azure.storage.blob import ContainerClient

        return self._client(ContainerClient, "blob", name, max_single_get_size=64 * 2**20, **STORAGE_RETRIES)

    def queue(self, name: str) -> QueueClient:
        """The client of a queue, whose messages are text in base64."""
        from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

        return self._client(
            QueueClient,
            "queue",
            name,
            message_encode_policy=TextBase64EncodePolicy(),
            message_decode_policy=TextBase64DecodePolicy(),
            **STORAGE_RETRIES,
        )

    def raw_queue(self, name: str) -> QueueClient:
        """The client of a queue whose messages come as they are: what others put there need not be base64."""
        from azure.storage.queue import QueueClient

        return self._client(QueueClient, "queue", name, "raw", **STORAGE_RETRIES)

    def create_missing(
        self,
        *,
        tables: Iterable[str] = TABLES,
        containers: Iterable[str] = (PUBLICATIONS,),
        queues: Iterable[str] = (),
        public_containers: bool = False,
        private: Iterable[str] = PRIVATE,
    ) -> None:
        """Create what is not there. In Azure the infrastructure does this; `public_containers` (anonymous
        reads of blobs in `containers`, never in those that are `private`) is for local runs only. Raises
        StoreUnavailable."""
        for name in tables:
            _create(self.table(name).create_table)
        for name in containers:
            access = "blob" if public_containers else None
            _create(self.container(name).create_container, public_access=access)
        for name in private:
            _create(self.container(name).create_container)
        for name in queues:
            _create(self.queue(name).create_queue)

    def close(self) -> None:
        """Close the connections. Clients of this cannot be used any more."""
        if self._own_transport is not None:
            self._own_transport.close()

    def _client(
        self, kind: type[Client], service: str, name: str, manner: str = "", **options: object
    ) -> Client:
        with self._lock:
            client = self._clients.get((service, name, manner))
            if client is None:
                options |= {"transport": self._transport, "logger": _QUIET}
                client = self._clients[service, name, manner] = self._make(kind, service, name, options)
            return cast(Client, client)


def _create(create: Callable[..., object], **options: object) -> None:
    try:
        create(**options)
    except ResourceExistsError as error:
        if not code_of(error).endswith("AlreadyExists"):
            raise translate(error, "create_missing") from None
    except AzureError as error:
        raise translate(error, "create_missing") from None


def _identity(client_id: str | None) -> TokenCredential:
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=client_id) if client_id else DefaultAzureCredential()
