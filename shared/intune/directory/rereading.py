"""What a notification hints at, read again and told: users as they are now, members that have left their group."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.devices.document import DeviceIds, EventDocument, UserIds, message_of
from shared.intune.directory.calls import GraphCalls
from shared.intune.directory.telling import Teller
from shared.intune.directory.users import Users
from shared.policy.events import EventType

log = logging.getLogger("scepter.directory")

SOURCE: Final = "graph"


@dataclass(frozen=True, slots=True)
class Rereading:
    """Of one integration. Every act may be repeated, with the same `at`."""

    integration: str
    calls: GraphCalls
    teller: Teller

    def users(self, identifiers: Iterable[str]) -> int:
        """Read users again; how many events it was. Raises IntuneUnavailable, StoreUnavailable, Conflict."""
        users = Users(self.integration, self.teller)
        return sum(users.take(self.calls.user(identifier)) for identifier in identifiers)

    def members(self, left: Iterable[tuple[str, str]], at: datetime) -> int:
        """See which members have left their group, as they were told to have by `at`. Raises IntuneUnavailable,
        StoreUnavailable."""
        count = 0
        for group, member in left:
            if self.calls.is_member(group, member) is not False:
                continue
            document = _unassigned(group, member, self.calls.named(member), at)
            if document is not None:
                log.info("directory %s: %s has left group %s", self.integration, member, group)
                self.teller.queue.send(message_of(document, self.teller.clock()))
                count += 1
        return count


def _unassigned(group: str, member: str, found: Mapping[str, Any], at: datetime) -> EventDocument | None:
    """The event; None for what is neither a user nor a device."""
    kind = str(found.get("@odata.type", "")).rpartition(".")[2].lower()
    device = user = None
    if kind == "device":
        device = DeviceIds.model_validate(
            {"entraObjectId": member, "entraDeviceId": found.get("deviceId") or None}
        )
    elif kind == "user":
        user = UserIds.model_validate({"id": member, "userPrincipalName": found.get("userPrincipalName")})
    else:
        return None
    return EventDocument(
        id=f"{group}.{member}.{at:%Y%m%dT%H%M%SZ}",
        type=EventType.UNASSIGNED,
        occurred_at=at,
        source=SOURCE,
        device=device,
        user=user,
    )
