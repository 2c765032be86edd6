"""Subscriptions to change notifications: made where wanted, renewed long before they end, and known by a secret.

For users and groups Graph announces neither that one ends nor that it lost something, so a timer renews them, and the
looks at the directory find what was lost.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.intune.directory.calls import GraphCalls
from shared.store.directory import Subscription, SubscriptionStore

log = logging.getLogger("scepter.directory")

LIFE: Final = timedelta(days=28)
"""Graph gives one 41,760 minutes at most, which is an hour less than 29 days."""
_RENEW_BEFORE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an integration wants to be told of, nothing without a URL. `tenant` is its id, empty if it is not known."""

    url: str
    resources: tuple[str, ...]
    tenant: str


@dataclass(frozen=True, slots=True)
class SubscriptionKeeper:
    """Of one integration."""

    integration: str
    wanted: Wanted
    calls: GraphCalls
    store: SubscriptionStore
    clock: Callable[[], datetime]

    def keep(self, *, at_once: bool = False) -> dict[str, str]:
        """See that each resource has one; until when each of them lives. With `at_once` all are renewed now: Graph asks
        for it. Raises IntuneUnavailable, PermissionMissing, StoreUnavailable. Safe to be cut off anywhere."""
        known = list(self.store.all())
        mine = [each for each in known if each.integration == self.integration]
        url = self.wanted.url
        resources = self.wanted.resources if url else ()
        kept = {}
        for resource in resources:
            of_it = [each for each in mine if (each.resource, each.url) == (resource, url)]
            of_it.sort(key=lambda each: each.expires_at)
            subscription = self._renewed(of_it.pop(), at_once=at_once) if of_it else None
            kept[resource] = subscription or self._subscribe(resource, {each.id for each in known})
            self._drop(of_it)
        self._drop([each for each in mine if each.resource not in resources or each.url != url])
        return {resource: each.expires_at.isoformat() for resource, each in kept.items()}

    def _renewed(self, subscription: Subscription, *, at_once: bool) -> Subscription | None:
        """The subscription with enough life left; None if Graph does not know it any more."""
        now = self.clock()
        if subscription.expires_at - now > _RENEW_BEFORE and not at_once:
            return subscription
        until = now + LIFE
        if not self.calls.renew(subscription.id, until):
            log.warning("subscription %s of %s is gone", subscription.id, self.integration)
            self.store.remove(subscription)
            return None
        renewed = replace(subscription, expires_at=until)
        self.store.put(renewed)
        return renewed

    def _subscribe(self, resource: str, known: set[str]) -> Subscription:
        for (
            each
        ) in self.calls.subscriptions():  # one that was made by somebody who died before he could say so
            if each.url == self.wanted.url and each.resource == resource and each.id not in known:
                self.calls.unsubscribe(each.id)
        state = secrets.token_urlsafe(32)
        made = self.calls.subscribe(resource, self.wanted.url, state, self.clock() + LIFE)
        subscription = Subscription(
            id=made.id,
            integration=self.integration,
            tenant=self.wanted.tenant.lower(),
            resource=resource,
            url=self.wanted.url,
            digest=digest_of(state),
            expires_at=made.expires_at,
        )
        self.store.put(subscription)
        log.info("integration %s is told of changes of %s", self.integration, resource)
        return subscription

    def _drop(self, subscriptions: list[Subscription]) -> None:
        for each in subscriptions:
            self.calls.unsubscribe(each.id)
            self.store.remove(each)


def digest_of(state: str) -> str:
    """What is kept of a clientState: enough to recognise it."""
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
