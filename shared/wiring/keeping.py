"""All places of an installation, wired for whoever backs up, restores or upgrades, with their own identity.

No setting but the table prefix is asked for: storage has to be reachable when everything else is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from shared.errors import SettingsError
from shared.store.backup.places import ContainerPlace, Place, QueuePlace, TablePlace
from shared.store.connection import PRIVATE, PUBLICATIONS, TABLES
from shared.store.entity_table import EntityTable
from shared.store.ports import KeptQueue, Queue
from shared.store.queues import StorageKeptQueue, StorageQueue
from shared.wiring.stores import QUEUES, storage_connection

STORAGE: Final = "AzureWebJobsStorage"
PREFIX: Final = "SCEPTER_TABLE_PREFIX"
_RECORDS: Final = ("certificates", "changes")
_ALL_QUEUES: Final = tuple(name for queue in QUEUES for name in (queue, f"{queue}-poison"))


class Keeping:
    """The tables, containers and queues. `environment` is the administrator's."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        prefix = environment.get(PREFIX, "")
        if not re.fullmatch("([A-Za-z][A-Za-z0-9]{0,20})?", prefix):
            raise SettingsError(f"{PREFIX}: not a prefix of tables")
        self._on_this_machine = bool(environment.get(STORAGE))
        self._storage = storage_connection(environment, prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._storage.close()

    def to_read(self) -> Sequence[Place]:
        """In the order of a backup beside a running app.

        The CRL first: its cursor is then older than every change that is read, and a restored publisher takes those in.
        Records before their changes, since a revocation writes the change first; and before their claims, since an
        enrolment writes the claim first. Deliveries and parcels after their rows. Messages last: to handle one twice
        does no harm.
        """
        records, rest = _RECORDS, [name for name in TABLES if name not in _RECORDS]
        return [
            self._container(PUBLICATIONS),
            *(self.table(name) for name in (*records, *rest)),
            *(self._container(name) for name in PRIVATE),
            *(QueuePlace(self._storage.raw_queue(name)) for name in _ALL_QUEUES),
        ]

    def to_fill(self) -> Sequence[Place]:
        """In the order of a restore: what is published comes behind what it rests on, and messages last."""
        crl, *others = self.to_read()
        queues = [place for place in others if place.kind == "queue"]
        return [*(place for place in others if place.kind != "queue"), crl, *queues]

    def create_missing(self) -> None:
        """In Azure the infrastructure has made most of it; a poison queue is made when it is needed."""
        self._storage.create_missing(queues=_ALL_QUEUES, public_containers=self._on_this_machine)

    def table(self, name: str) -> TablePlace:
        """A table by its name without prefix."""
        return TablePlace(name, self.entity_table(name))

    def entity_table(self, name: str) -> EntityTable:
        """The same, to write to."""
        return EntityTable(self._storage.table(name))

    def tables(self) -> Mapping[str, EntityTable]:
        """Every table by its name."""
        return {name: self.entity_table(name) for name in TABLES}

    def kept_queues(self) -> Mapping[str, tuple[KeptQueue, Queue]]:
        """The queues that nobody listens to, to look into and to send to."""
        storage = self._storage
        return {
            name: (StorageKeptQueue(storage.raw_queue(name)), StorageQueue(storage.queue(name)))
            for name in _ALL_QUEUES
            if name.endswith("-poison")
        }

    def _container(self, name: str) -> ContainerPlace:
        return ContainerPlace(self._storage.container(name))
