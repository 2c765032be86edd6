"""Graph without the SDK: one user or group member read again, and subscriptions. For queue messages and short timers,
which should not pay for an import of seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from shared.errors import IntuneUnavailable
from shared.intune.directory.objects import EntraUser
from shared.intune.graph_call import call
from shared.intune.wire import Answer, Wire

_USER: Final = "id,userPrincipalName,accountEnabled"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription as Graph tells of it."""

    id: str
    resource: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class GraphCalls:
    """Of one integration. Every method raises IntuneUnavailable, PermissionMissing."""

    wire: Wire

    def user(self, identifier: str) -> EntraUser:
        """A user as it is now; one that is not there any more is `removed`."""
        answer = self._call("GET", f"users/{quote(identifier)}?$select={_USER}", "User.Read.All", gone=True)
        found = answer.document
        if found is None:
            return EntraUser(identifier, self._former_name(identifier), removed=True)
        upn, enabled = found.get("userPrincipalName"), found.get("accountEnabled")
        return EntraUser(
            str(found.get("id") or identifier),
            upn if isinstance(upn, str) else None,
            enabled if isinstance(enabled, bool) else None,
        )

    def _former_name(self, identifier: str) -> str | None:
        """What a deleted user was called; None if that is not to be had. Entra puts the id before it meanwhile."""
        try:
            path = f"directory/deletedItems/{quote(identifier)}"
            found = self._call("GET", path, "User.Read.All", gone=True).document or {}
        except IntuneUnavailable:  # it is good to know, and no more
            return None
        name = found.get("userPrincipalName")
        return name.removeprefix(identifier.replace("-", "")) if isinstance(name, str) else None

    def is_member(self, group: str, member: str) -> bool | None:
        """Whether a user or device is in a group, directly or not; None if it is not there any more."""
        path, body = f"directoryObjects/{quote(member)}/checkMemberGroups", {"groupIds": [group]}
        answer = self._call("POST", path, "Group.Read.All", body, gone=True)
        if answer.document is None:
            return None
        return group.lower() in {str(each).lower() for each in answer.document.get("value", [])}

    def named(self, member: str) -> Mapping[str, Any]:
        """A user or device with its names; empty if it is not there any more."""
        path = f"directoryObjects/{quote(member)}"
        return self._call("GET", path, "User.Read.All and Device.Read.All", gone=True).document or {}

    def subscriptions(self) -> list[Subscribed]:
        """Those that this identity has made."""
        document = self._call("GET", "subscriptions", "User.Read.All").document or {}
        return [_subscribed(each) for each in document.get("value", []) if isinstance(each, Mapping)]

    def subscribe(self, resource: str, url: str, state: str, until: datetime) -> Subscribed:
        """Make one; Graph calls `url` meanwhile. Two are made if the answer is lost."""
        body = {
            "changeType": "updated,deleted",
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "resource": resource,
            "expirationDateTime": _stamp(until),
            "clientState": state,
        }
        permission = "User.Read.All" if resource == "users" else "Group.Read.All"
        answer = self._call("POST", "subscriptions", permission, body, repeatable=False)
        return _subscribed(answer.document or {})

    def renew(self, identifier: str, until: datetime) -> bool:
        """Let one live until then; False if there is none."""
        path, body = f"subscriptions/{quote(identifier)}", {"expirationDateTime": _stamp(until)}
        return self._call("PATCH", path, "User.Read.All", body, gone=True).status != 404

    def unsubscribe(self, identifier: str) -> None:
        """Idempotent."""
        self._call("DELETE", f"subscriptions/{quote(identifier)}", "User.Read.All", gone=True)

    def _call(
        self,
        method: str,
        path: str,
        permission: str,
        body: Mapping[str, Any] | None = None,
        *,
        gone: bool = False,
        repeatable: bool = True,
    ) -> Answer:
        """One call; with `gone` it may find nothing."""
        url = self.wire.tenant.graph(path)
        return call(self.wire, method, url, permission, body, gone=gone, repeatable=repeatable)


def _subscribed(found: Mapping[str, Any]) -> Subscribed:
    try:
        until = datetime.fromisoformat(str(found["expirationDateTime"]))
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        return Subscribed(
            str(found["id"]),
            str(found.get("resource", "")),
            str(found.get("notificationUrl", "")),
            aware.astimezone(UTC).replace(microsecond=0),
        )
    except (KeyError, ValueError):
        raise IntuneUnavailable("Graph's answer is no subscription") from None


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
