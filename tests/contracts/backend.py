"""Workers over the same storage, in memory or in Azurite by real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.store.blobs import BlobPublicationStore
from shared.store.connection import StorageConnection
from shared.store.deliveries import DeliveryLog, DeliveryStore
from shared.store.delivery_blobs import BlobDeliveryStore
from shared.store.delivery_tables import TableDeliveryLog, TableOrderLog
from shared.store.memory import MemoryPublicationStore, MemoryQueue, MemoryStore, MemoryUseCounter
from shared.store.memory_deliveries import MemoryDeliveryLog, MemoryDeliveryStore, MemoryOrderLog
from shared.store.memory_outbox import MemoryOutbox
from shared.store.memory_pending import MemoryPendingRequests
from shared.store.memory_traces import MemoryTraceStore
from shared.store.orders import OrderLog
from shared.store.outbox import FailureReports, Outbox
from shared.store.outbox_table import TableOutbox
from shared.store.pending import PendingRequests
from shared.store.pending_table import TablePendingRequests
from shared.store.ports import (
    CertificateStore,
    Inventory,
    PublicationStore,
    Queue,
    RevocationStore,
    SupersessionStore,
    UseCounter,
)
from shared.store.queues import StorageQueue
from shared.store.tables import TableStore
from shared.store.trace_table import TableTraceStore
from shared.store.traces import TraceStore
from shared.store.uses import TableUseCounter


class Store(CertificateStore, Inventory, RevocationStore, SupersessionStore, Protocol):
    """What one adapter offers over the tables."""


class BothOutboxes(Outbox, FailureReports, Protocol):
    """What one adapter offers over the table `outbox`."""


@dataclass(frozen=True)
class Backend:
    """Each call makes an adapter of its own over the same storage."""

    store: Callable[[], Store]
    use_counter: Callable[[], UseCounter]
    publications: Callable[[], PublicationStore]
    queue: Callable[[], Queue]
    traces: Callable[[], TraceStore]
    pending: Callable[[], PendingRequests]
    outbox: Callable[[], BothOutboxes]
    deliveries: Callable[[], DeliveryStore]
    delivery_log: Callable[[], DeliveryLog]
    orders: Callable[[], OrderLog]


def in_memory() -> Backend:
    store, uses, publications, queue = (
        MemoryStore(),
        MemoryUseCounter(),
        MemoryPublicationStore(),
        MemoryQueue(),
    )
    traces, pending, outbox = MemoryTraceStore(), MemoryPendingRequests(), MemoryOutbox()
    deliveries, acts, orders = MemoryDeliveryStore(), MemoryDeliveryLog(), MemoryOrderLog()
    return Backend(
        store=lambda: store,
        use_counter=lambda: uses,
        publications=lambda: publications,
        queue=lambda: queue,
        traces=lambda: traces,
        pending=lambda: pending,
        outbox=lambda: outbox,
        deliveries=lambda: deliveries,
        delivery_log=lambda: acts,
        orders=lambda: orders,
    )


def in_azurite(connection: StorageConnection, name: str) -> Backend:
    return Backend(
        store=lambda: table_store(connection),
        use_counter=lambda: TableUseCounter(connection.table("uses")),
        publications=lambda: BlobPublicationStore(connection.container(f"{name}-pki")),
        queue=lambda: StorageQueue(connection.queue(f"{name}-crl")),
        traces=lambda: TableTraceStore(connection.table("traces")),
        pending=lambda: TablePendingRequests(connection.table("requests")),
        outbox=lambda: TableOutbox(connection.table("outbox")),
        deliveries=lambda: BlobDeliveryStore(connection.container(f"{name}-deliveries")),
        delivery_log=lambda: TableDeliveryLog(connection.table("deliveries")),
        orders=lambda: TableOrderLog(connection.table("orders")),
    )


def table_store(connection: StorageConnection) -> TableStore:
    return TableStore(
        owners=connection.table("owners"),
        certificates=connection.table("certificates"),
        changes=connection.table("changes"),
        supersessions=connection.table("supersessions"),
    )
