"""What outlives a call, wired: settings to the stores, queues and blobs of one storage account.

The lowest part of the composition root; the others build on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property

from shared import config
from shared.config import Settings
from shared.errors import SettingsError
from shared.revocation.service import Records
from shared.store.connection import StorageConnection
from shared.store.outbox import FailureReports, Outbox
from shared.store.outbox_table import TableOutbox
from shared.store.pending import PendingRequests
from shared.store.pending_table import TablePendingRequests
from shared.store.ports import KeptQueue, PublicationStore, Queue, SupersessionStore, UseCounter
from shared.store.tables import TableStore
from shared.store.trace_table import TableTraceStore
from shared.store.traces import TraceStore
from shared.store.uses import TableUseCounter

CRL_QUEUE = "crl-requests"
EVENT_QUEUE = "device-events"
GRAPH_QUEUE = "graph-changes"
PKCS_QUEUE = "pkcs-requests"
PFX_QUEUE = "pfx-requests"
CALLBACK_QUEUE = "result-callbacks"
QUEUES = (CRL_QUEUE, EVENT_QUEUE, GRAPH_QUEUE, PKCS_QUEUE, PFX_QUEUE, CALLBACK_QUEUE)


class Stores:
    """Each part is made on first use; making one twice in a race is harmless."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        self.settings = settings
        self.environment = environment
        self.clock = clock
        self.in_azure = config.in_azure(environment)

    @cached_property
    def storage(self) -> StorageConnection:
        connection = storage_connection(self.environment, self.settings.table_prefix)
        if (
            self.environment.get("AzureWebJobsStorage") and not self.in_azure
        ):  # else the infrastructure makes them
            queues = [name for queue in QUEUES for name in (queue, f"{queue}-poison")]
            connection.create_missing(queues=queues, public_containers=True)
        return connection

    @cached_property
    def records(self) -> Records:
        return self._tables

    @cached_property
    def supersessions(self) -> SupersessionStore:
        return self._tables

    @cached_property
    def _tables(self) -> TableStore:
        table = self.storage.table
        return TableStore(
            owners=table("owners"),
            certificates=table("certificates"),
            changes=table("changes"),
            supersessions=table("supersessions"),
        )

    @cached_property
    def uses(self) -> UseCounter:
        return TableUseCounter(self.storage.table("uses"))

    @cached_property
    def traces(self) -> TraceStore:
        return TableTraceStore(self.storage.table("traces"))

    @cached_property
    def pending_requests(self) -> PendingRequests:
        return TablePendingRequests(self.storage.table("requests"))

    @cached_property
    def outbox(self) -> Outbox:
        return self._table_outbox

    @cached_property
    def failure_reports(self) -> FailureReports:
        return self._table_outbox

    @cached_property
    def _table_outbox(self) -> TableOutbox:
        return TableOutbox(self.storage.table("outbox"))

    @cached_property
    def publications(self) -> PublicationStore:
        from shared.store.blobs import BlobPublicationStore  # 0.15 s of a cold start that SCEP does not need

        return BlobPublicationStore(self.storage.container())

    def queue(self, name: str) -> Queue:
        """The storage queue `name`."""
        from shared.store.queues import StorageQueue

        return StorageQueue(self.storage.queue(name))

    def kept_queue(self, name: str) -> KeptQueue:
        """The storage queue `name`, to look into."""
        from shared.store.queues import StorageKeptQueue

        return StorageKeptQueue(self.storage.raw_queue(name))


def storage_connection(environment: Mapping[str, str], table_prefix: str) -> StorageConnection:
    """By the names that the platform's own bindings use: a connection string, or service URIs and an identity."""
    name = "AzureWebJobsStorage"
    if environment.get(name):
        return StorageConnection.from_connection_string(environment[name], table_prefix=table_prefix)
    uris = {kind: environment.get(f"{name}__{kind}ServiceUri", "") for kind in ("blob", "queue", "table")}
    if not all(uris.values()):
        raise SettingsError(
            f"{name}: set it, or {name}__blobServiceUri, __queueServiceUri and __tableServiceUri"
        )
    client_id = environment.get(f"{name}__clientId")
    return StorageConnection.from_uris(uris, client_id=client_id, table_prefix=table_prefix)
