"""Graph's service principals: the app roles that Graph and Intune define in this tenant, and who has them."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from fakes.microsoft.entra import DIRECTORY_ROLES, GRAPH_ROLE, SCEP_ROLE, Entra
from fakes.microsoft.parts import Refused, Reply, Request

GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"
INTUNE_APP: Final = "0000000a-0000-0000-c000-000000000000"
IDENTITY: Final = "1d000000-0000-4000-8000-00000000000a"
"""The object id of the function app's managed identity."""
IDENTITY_CLIENT: Final = "1d000000-0000-4000-8000-00000000000b"
_BY_APP: Final = re.compile(
    r"/v1\.0/servicePrincipals(?:\(appId='([^']+)'\)|/([^/(]+))(/appRoleAssignments|/appRoleAssignedTo)?"
)


def _principal(key: str, app: str, *roles: str) -> dict[str, Any]:
    defined = [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{app}/{role}")),
            "value": role,
            "allowedMemberTypes": ["Application"],
        }
        for role in roles
    ]
    return {"id": key, "appId": app, "appRoles": defined}


@dataclass
class Principals:
    """`assignments` are (principal, resource, role id)."""

    entra: Entra
    known: list[dict[str, Any]] = field(
        default_factory=lambda: [
            _principal(
                "60000000-0000-4000-8000-000000000003", GRAPH_APP, GRAPH_ROLE, *sorted(DIRECTORY_ROLES)
            ),
            _principal("60000000-0000-4000-8000-00000000000a", INTUNE_APP, SCEP_ROLE),
            _principal(IDENTITY, IDENTITY_CLIENT),
        ]
    )
    assignments: list[dict[str, str]] = field(default_factory=list)

    def act(self, request: Request) -> str | None:
        found = _BY_APP.fullmatch(request.path)
        if (
            found is None
            or request.method not in ("GET", "POST")
            or (request.method == "POST" and not found[3])
        ):
            return None
        word = "assign" if request.method == "POST" else "assignments" if found[3] else "read"
        return f"servicePrincipals {word}"

    def answer(self, act: str, request: Request) -> Reply:
        self.entra.check_graph(request, GRAPH_ROLE, "AppRoleAssignment.ReadWrite.All")
        found = _BY_APP.fullmatch(request.path)
        assert found is not None
        principal = self._find(found[1], found[2])
        if act.endswith("read"):
            return Reply(200, principal)
        if act.endswith("assignments"):
            side = "principalId" if found[3] == "/appRoleAssignments" else "resourceId"
            return Reply(200, {"value": [each for each in self.assignments if each[side] == principal["id"]]})
        self.entra.check_graph(request, "AppRoleAssignment.ReadWrite.All")
        return self._assign(principal, json.loads(request.body))

    def _assign(self, resource: dict[str, Any], asked: dict[str, str]) -> Reply:
        if set(asked) != {"principalId", "resourceId", "appRoleId"} or asked["resourceId"] != resource["id"]:
            raise Refused(400, "principalId, resourceId, appRoleId")
        if asked["appRoleId"] not in {role["id"] for role in resource["appRoles"]}:
            raise Refused(400, "Permission being assigned was not found on application")
        self._find(None, asked["principalId"])
        if any(all(each[name] == value for name, value in asked.items()) for each in self.assignments):
            raise Refused(400, "Permission being assigned already exists on the object")
        made = {"id": str(uuid.uuid4()), **asked}
        self.assignments.append(made)
        return Reply(201, made)

    def _find(self, app: str | None, key: str | None) -> dict[str, Any]:
        for each in self.known:
            if each["appId"] == app or each["id"] == key:
                return each
        raise Refused(404, "Request_ResourceNotFound")
