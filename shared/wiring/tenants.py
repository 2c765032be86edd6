"""Tenants, wired: what is asked of each by clock, and what that leaves behind.

Everything of shared/intune is imported on first use, as in `intune`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from shared.errors import DependencyError
from shared.store.directory import DirectoryStore, Kind, Notes, SubscriptionStore
from shared.store.directory_tables import TableDirectoryStore, TableNotes, TableSubscriptionStore
from shared.wiring.events import Events
from shared.wiring.intune import Intune, name_of
from shared.wiring.stores import EVENT_QUEUE

if TYPE_CHECKING:
    from shared.config.intune import IntuneIntegration
    from shared.intune.directory.notices import Hints, KnownSubscriptions
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

    @cached_property
    def subscriptions(self) -> SubscriptionStore:
        return TableSubscriptionStore(self.storage.table("subscriptions"))

    @property
    def takes_notifications(self) -> bool:
        """Whether any tenant is to tell of changes."""
        return any(values.notification_url for values in self.settings.intune.values())

    def keep_subscriptions(self) -> None:
        """Make and renew what each tenant is to tell of changes by; what is not wanted any more goes."""
        for key, values in self.settings.intune.items():
            self._keep_subscriptions(name_of(key), values)

    def hints_in(self, body: bytes) -> dict[str, Hints]:
        """What a delivery of notifications hints at, by integration. Raises MalformedMessage, StoreUnavailable."""
        from shared.intune.directory.notices import hints_in

        return hints_in(body, self._known_subscriptions)

    def reread(
        self,
        integration: str,
        users: Iterable[str],
        left: Iterable[tuple[str, str]],
        *,
        renew: bool,
        at: datetime,
    ) -> None:
        """Read again what was hinted at by `at`, and tell what has changed. Raises DependencyError, Conflict."""
        from shared.intune.directory.calls import GraphCalls
        from shared.intune.directory.rereading import Rereading

        values = {name_of(key): each for key, each in self.settings.intune.items()}.get(integration)
        if values is None:
            return
        rereading = Rereading(integration, GraphCalls(self.intune_clients[integration].wire), self._teller)
        rereading.users(users)
        rereading.members(((group, member) for group, member in left if group in values.watched), at)
        if renew:
            self._keep_subscriptions(integration, values, at_once=True)

    def _keep_subscriptions(self, name: str, values: IntuneIntegration, *, at_once: bool = False) -> None:
        from shared.intune.directory.calls import GraphCalls
        from shared.intune.directory.subscriptions import SubscriptionKeeper, Wanted
        from shared.intune.rounds import note_round

        resources = ("users", *(f"groups/{group}" for group in values.watched))
        wanted = Wanted(values.notification_url, resources, values.tenant_id)
        calls = GraphCalls(self.intune_clients[name].wire)
        keeper = SubscriptionKeeper(name, wanted, calls, self.subscriptions, self.clock)
        kept: dict[str, str] = {}
        problem = None
        try:
            kept = keeper.keep(at_once=at_once)
        except DependencyError as error:
            problem = error
        if wanted.url:
            note_round(self.notes, f"{name}.subscriptions", self.clock(), {"until": kept}, problem)

    @cached_property
    def _known_subscriptions(self) -> KnownSubscriptions:
        from shared.intune.directory.notices import KnownSubscriptions

        return KnownSubscriptions(lambda: self.subscriptions)

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

        queues, issuers = {}, {each.id: each.certificate.subject.text() for each in self.house.known()}
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
