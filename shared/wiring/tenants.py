"""Tenants, wired: what is asked of each by clock, and what that leaves behind.

Everything of shared/intune is imported on first use, as in `intune`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from shared.store.directory import DirectoryStore, Kind, Notes
from shared.store.directory_tables import TableDirectoryStore, TableNotes
from shared.wiring.events import Events
from shared.wiring.intune import Intune, name_of
from shared.wiring.stores import EVENT_QUEUE

if TYPE_CHECKING:
    from shared.config.intune import IntuneIntegration
    from shared.intune.directory.telling import Teller
    from shared.intune.revocation_queue import Emptied, RevocationQueue


class Tenants(Events, Intune):
    """What tenants want, and what is known of them."""

    @cached_property
    def notes(self) -> Notes:
        return TableNotes(self.storage.table("notes"))

    @cached_property
    def directory(self) -> DirectoryStore:
        return TableDirectoryStore(self.storage.table("directory"))

    def reconcile_directories(self) -> None:
        """Look at the directory of each tenant that is to be looked at, and tell of what has changed."""
        for name, values in self._reconciled.items():
            from shared.intune.directory.graph import Graph
            from shared.intune.directory.reader import GraphDirectory
            from shared.intune.directory.reconcile import Reconciliation

            percent = self.settings.directory_shrink_percent
            with Graph(self.intune_clients[name].tenant) as graph:
                reader = GraphDirectory(graph, values.beta)
                Reconciliation(name, reader, self.notes, self._teller, percent).run()

    def accept_shrinkage(self, integration: str, kind: Kind) -> int:
        """Let the next look believe a listing that was not believed; how many are gone. Raises PolicyViolation."""
        from shared.intune.directory.reconcile import accept_shrinkage

        return accept_shrinkage(self.notes, integration, kind, self.clock())

    @property
    def _reconciled(self) -> dict[str, IntuneIntegration]:
        return {name_of(key): values for key, values in self.settings.intune.items() if values.directory}

    @cached_property
    def _teller(self) -> Teller:
        from shared.intune.directory.telling import Teller

        return Teller(self.directory, self.queue(EVENT_QUEUE), self.records, self.clock)

    def empty_revocation_queues(self) -> dict[str, Emptied]:
        """Do what each tenant's queue asks for; by integration. No storage call where no tenant has settings."""
        done = {}
        for name, queue in self._revocation_queues.items():
            done[name] = emptied = queue.run()
            self._note_revocations(name, emptied)
        return done

    @cached_property
    def _revocation_queues(self) -> dict[str, RevocationQueue]:
        if not self.settings.intune:
            return {}
        from shared.intune.matching import Matching
        from shared.intune.revocation_queue import RevocationQueue

        queues, issuers = {}, {self.issuer.id: self.issuer.certificate.subject.text()}
        for key, values in self.settings.intune.items():
            name = name_of(key)
            others = frozenset(self.intune_clients) - {name}
            if values.revocations:
                queues[name] = RevocationQueue(
                    client=self.intune_clients[name],
                    matching=Matching(self.records, issuers, others),
                    events=self.device_events,
                    log=self.event_log,
                    names=values.issuers_asked_for,
                    sole=values.sole_authority,
                    clock=self.clock,
                )
        return queues

    def _note_revocations(self, name: str, emptied: Emptied) -> None:
        from shared.intune.rounds import note_round

        counts = {
            "done": emptied.done,
            "refused": emptied.refused,
            "unknown": emptied.unknown,
            "failed": emptied.failed,
            "blocked": emptied.blocked,
        }
        note_round(self.notes, f"{name}.revocations", self.clock(), counts, emptied.problem)
