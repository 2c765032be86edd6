"""Graph's users, devices and groups: point reads, membership, and delta queries with tokens and pages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from fakes.microsoft.collections import Collection
from fakes.microsoft.entra import Entra
from fakes.microsoft.parts import Refused, Reply, Request

_ROLES: Final = {"users": "User.Read.All", "devices": "Device.Read.All", "groups": "Group.Read.All"}
_PATH: Final = re.compile(
    r"/v1\.0/(users|devices|groups|directoryObjects)(?:/(delta)(?:\(\))?|/([^/]+)(/checkMemberGroups)?)?"
)
_DELETED: Final = re.compile(r"/v1\.0/directory/deletedItems/([^/]+)")


@dataclass
class Directory:
    """`members` are the ids in each group."""

    entra: Entra
    users: Collection = field(init=False)
    devices: Collection = field(init=False)
    groups: Collection = field(init=False)
    members: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.users, self.devices, self.groups = (
            Collection(self.entra.base, f"/v1.0/{name}") for name in ("users", "devices", "groups")
        )

    def act(self, request: Request) -> str | None:
        if request.method == "GET" and _DELETED.fullmatch(request.path):
            return "deletedItems"
        found = _PATH.fullmatch(unquote(request.path))
        if found is None or request.method != ("POST" if found[4] else "GET"):
            return None
        kind = found[1]
        return f"{kind}/delta" if found[2] else f"{kind}/checkMemberGroups" if found[4] else kind

    def answer(self, act: str, request: Request) -> Reply:
        if act == "deletedItems":
            return self._deleted_user(request)
        found = _PATH.fullmatch(unquote(request.path))
        assert found is not None
        kind, key = found[1], found[3]
        self.entra.check_graph(request, *([_ROLES[kind]] if kind in _ROLES else _ROLES.values()))
        if act.endswith("/delta"):
            return self._collections[kind].delta(request)
        if act.endswith("/checkMemberGroups"):
            asked = _groups_asked_for(request)
            self._find(kind, key)
            return Reply(200, {"value": [each for each in asked if key in self.members.get(each, ())]})
        return self._collections[kind].listing(request) if key is None else Reply(200, self._find(kind, key))

    def _deleted_user(self, request: Request) -> Reply:
        """Its name has its id before it, so that somebody else may have the name."""
        self.entra.check_graph(request, "User.Read.All")
        key = request.path.rpartition("/")[2]
        found = self.users.deleted.get(key)
        if found is None:
            raise Refused(404, "Request_ResourceNotFound")
        return Reply(200, {**found, "userPrincipalName": key.replace("-", "") + found["userPrincipalName"]})

    @property
    def _collections(self) -> dict[str, Collection]:
        return {"users": self.users, "devices": self.devices, "groups": self.groups}

    def _find(self, kind: str, key: str) -> dict[str, Any]:
        kinds = [kind] if kind in _ROLES else list(_ROLES)
        for each in kinds:
            found = self._collections[each].objects.get(key)
            if found is not None:
                return {"@odata.type": f"#microsoft.graph.{each[:-1]}", **found}
        raise Refused(404, "Request_ResourceNotFound")


def _groups_asked_for(request: Request) -> list[str]:
    try:
        asked = json.loads(request.body)["groupIds"]
    except (ValueError, LookupError, TypeError):
        raise Refused(400, "groupIds") from None
    if not isinstance(asked, list) or not 1 <= len(asked) <= 20:
        raise Refused(400, "groupIds: 1 to 20")
    return asked
