"""Deliveries of change notifications: who may have sent them, and what they hint at. What they say is never believed.

One delivery may hold notifications of several subscriptions and tenants. What no subscription of ours explains is
dropped in silence: an answer would tell a stranger which part of it was right.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import MalformedMessage
from shared.intune.directory.subscriptions import digest_of
from shared.store.directory import Subscription, SubscriptionStore

log = logging.getLogger("scepter.directory")

LARGEST: Final = 1024 * 1024
LONGEST_TOKEN: Final = 4096
_MOST: Final = 1000
_IS_GUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_KNOWN_FOR: Final = 60.0
_ASK_AGAIN_AFTER: Final = 5.0


class _Loose(BaseModel):
    """What Graph adds in a new version is none of our business."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Member(_Loose):
    id: str = ""
    removed: Any = Field(default=None, alias="@removed")


class _Resource(_Loose):
    id: str = ""
    members: tuple[_Member, ...] = Field(default=(), alias="members@delta")


class _Item(_Loose):
    subscription: Annotated[str, Field(alias="subscriptionId", max_length=128)]
    state: Annotated[str, Field(alias="clientState", max_length=256)] = ""
    tenant: Annotated[str, Field(alias="tenantId", max_length=128)] = ""
    lifecycle: Annotated[str, Field(alias="lifecycleEvent", max_length=64)] = ""
    resource: Annotated[str, Field(max_length=512)] = ""
    data: _Resource | None = Field(default=None, alias="resourceData")


class _Delivery(_Loose):
    value: Annotated[tuple[_Item, ...], Field(max_length=_MOST)]


@dataclass(slots=True)
class Hints:
    """What of one tenant may have changed: users, members that may have left a group, and whether subscriptions want
    looking after. Ids are GUIDs in lower case."""

    users: dict[str, None] = field(default_factory=dict)
    left: dict[tuple[str, str], None] = field(default_factory=dict)
    renew: bool = False


class KnownSubscriptions:
    """The subscriptions, remembered for a minute: a stranger's delivery costs no storage. `ticks` are seconds."""

    def __init__(
        self, store: Callable[[], SubscriptionStore], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._ticks = store, ticks
        self._known: Mapping[str, Subscription] = {}
        self._read_at = float("-inf")

    def find(self, identifier: str) -> Subscription | None:
        """By id. Raises StoreUnavailable."""
        age = self._ticks() - self._read_at
        if age > _KNOWN_FOR or (identifier not in self._known and age > _ASK_AGAIN_AFTER):
            self._known, self._read_at = {each.id: each for each in self._store().all()}, self._ticks()
        return self._known.get(identifier)


def hints_in(body: bytes, known: KnownSubscriptions) -> dict[str, Hints]:
    """What a delivery hints at, by integration; of what is not ours, nothing. Raises MalformedMessage for a body that
    is no delivery at all, StoreUnavailable."""
    if len(body) > LARGEST:
        raise MalformedMessage(f"a delivery of {len(body)} bytes", public="The delivery is too large.")
    try:
        items = _Delivery.model_validate_json(body).value
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, each["loc"])) or "body" for each in error.errors())
        raise MalformedMessage(
            f"change notifications: wrong {fields:.200}", public="No notifications."
        ) from None
    found: dict[str, Hints] = {}
    for item in items:
        subscription = known.find(item.subscription)
        if subscription is None or not _is_from(item, subscription):
            log.warning("a change notification that no subscription of ours explains")
            continue
        _add(item, subscription, found.setdefault(subscription.integration, Hints()))
    return found


def _is_from(item: _Item, subscription: Subscription) -> bool:
    """Whether it has the secret that only Graph was told, and is of the tenant."""
    recognised = hmac.compare_digest(digest_of(item.state), subscription.digest)
    return recognised and subscription.tenant in ("", item.tenant.lower())


def _add(item: _Item, subscription: Subscription, hints: Hints) -> None:
    if item.lifecycle:
        hints.renew = True
        return
    identifier = (item.data.id if item.data else "").lower() or item.resource.rpartition("/")[2].lower()
    if not _IS_GUID(identifier):
        return
    if subscription.resource == "users":
        hints.users[identifier] = None
        return
    for member in _gone(item.data):
        hints.left[identifier, member] = None


def _gone(data: _Resource | None) -> Iterator[str]:
    for member in data.members if data else ():
        if member.removed and _IS_GUID(member.id.lower()):
            yield member.id.lower()
