"""What ends as a PFX, wired: orders, deliveries, and how results are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from shared.devices.signature import sign
from shared.pfx.attempts import KIND, Attempts
from shared.pfx.callbacks import Callbacks
from shared.pfx.deliveries import Deliveries
from shared.pfx.delivery_keys import DeliveryKeys
from shared.pfx.issue import PKCSIssuance
from shared.pfx.recipients import Recipients
from shared.pfx.results import Results
from shared.policy.profile import Profile
from shared.store.connection import DELIVERIES
from shared.store.deliveries import DeliveryLog, DeliveryStore
from shared.store.delivery_tables import TableDeliveryLog, TableOrderLog
from shared.store.orders import OrderLog
from shared.wiring.named import checked, revealed
from shared.wiring.revoking import Revoking
from shared.wiring.stores import CALLBACK_QUEUE

_MOST_PURGED = 2_000
"""Deliveries, orders or lines in one run of the timer."""


class Delivering(Revoking):
    """Keys that are made here, and everything on its way to a device."""

    @cached_property
    def delivery_store(self) -> DeliveryStore:
        from shared.store.delivery_blobs import BlobDeliveryStore  # as for publications

        return BlobDeliveryStore(self.storage.container(DELIVERIES))

    @cached_property
    def delivery_log(self) -> DeliveryLog:
        return TableDeliveryLog(self.storage.table("deliveries"))

    @cached_property
    def orders(self) -> OrderLog:
        return TableOrderLog(self.storage.table("orders"))

    @cached_property
    def delivery_keys(self) -> DeliveryKeys:
        return checked(
            "SCEPTER_CHALLENGE_KEYS",
            lambda: DeliveryKeys([key.get_secret_value() for key in self.settings.challenge_keys]),
        )

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(
            store=self.delivery_store,
            acts=self.delivery_log,
            keys=self.delivery_keys,
            records=self.records,
            revoker=self.revocations,
            life=self.settings.delivery_life,
            clock=self.clock,
        )

    @cached_property
    def callbacks(self) -> Callbacks:
        return Callbacks(self.settings.callback_hosts, revealed(self.settings.callback_secrets), sign)

    @cached_property
    def results(self) -> Results:
        return Results(self.settings.result_queues, self.queue, self.queue(CALLBACK_QUEUE), self.callbacks)

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(
            authority=self.authority,
            records=self.records,
            deliveries=self.deliveries,
            backdate=self.settings.backdate,
            clock=self.clock,
        )

    @cached_property
    def pkcs(self) -> PKCSIssuance:
        return PKCSIssuance(
            attempts=self.attempts,
            recipients=Recipients(self.records, self.authorities),
            profiles=self.profiles,
            orders=self.orders,
            results=self.results,
            clock=self.clock,
            others={name: self._attempts_at(each.ca) for name, each in self._made_elsewhere()},
        )

    def _made_elsewhere(self) -> Iterator[tuple[str, Profile]]:
        """Profiles whose keys are made here and whose certificates an outside CA issues."""
        found, outside = self.profiles.profiles.items(), self.outside_issuers
        return ((name, each) for name, each in found if each.challenge == "pkcs" and each.ca in outside)

    def _attempts_at(self, ca: str) -> Attempts:
        from shared.ca.outside_promises import request_of

        return replace(self.attempts, authority=self.outside_promises(ca), request=request_of)

    def purge_deliveries(self) -> int:
        """Remove deliveries whose time is over, and forget orders and acts of long ago, some of each; how many."""
        before = self.clock() - self.settings.order_life
        return (
            self.deliveries.purge(_MOST_PURGED)
            + self.orders.purge(KIND, before, _MOST_PURGED)
            + self.delivery_log.purge(before.date(), _MOST_PURGED)
        )
