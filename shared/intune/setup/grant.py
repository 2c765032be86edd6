"""App roles assigned to an identity through Graph, or the script that does it for somebody who may. Idempotent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from shared.errors import UnknownCertificate
from shared.intune.graph_call import call, everything
from shared.intune.setup.roles import Role
from shared.intune.wire import Wire

READING: Final = "Application.Read.All"
ASSIGNING: Final = "AppRoleAssignment.ReadWrite.All"
State = Literal["assigned", "would be assigned", "is there", "not defined in this tenant"]


class UnknownIdentity(UnknownCertificate):
    """The tenant has no such service principal."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What became of a role; `id` is the tenant's own of it."""

    role: Role
    id: str
    state: State


def grant(
    wire: Wire, identity: str, roles: Iterable[tuple[str, Role]], *, dry_run: bool = False
) -> list[Granted]:
    """Assign what is not assigned. `identity` is an object id or a client id. Raises UnknownIdentity,
    IntuneUnavailable, PermissionMissing."""
    principal = _principal(wire, identity)
    url = wire.tenant.graph(f"servicePrincipals/{principal['id']}/appRoleAssignments")
    held = {
        (str(each.get("resourceId")), str(each.get("appRoleId"))) for each in everything(wire, url, READING)
    }
    resources: dict[str, Mapping[str, Any]] = {}
    done = []
    for app, role in roles:
        resource = resources.setdefault(app, resources.get(app) or _principal(wire, app))
        identifier = _role_id(resource, role.value)
        pair = (str(resource["id"]), identifier)
        if not identifier:
            done.append(Granted(role, "", "not defined in this tenant"))
        elif pair in held:
            done.append(Granted(role, identifier, "is there"))
        elif dry_run:
            done.append(Granted(role, identifier, "would be assigned"))
        else:
            _assign(wire, str(principal["id"]), *pair)
            done.append(Granted(role, identifier, "assigned"))
    return done


def script(identity: str, roles: Iterable[tuple[str, Role]], graph_url: str) -> str:
    """The same for the Azure CLI, role ids read from the tenant; it may run twice."""
    lines = [
        "#!/bin/sh",
        "# As a Privileged Role Administrator of the tenant: az login --tenant <tenant> --allow-no-subscriptions",
        "set -eu",
        f"identity=$(az ad sp show --id {identity} --query id --output tsv)",
        "assign() {",
        '  resource=$(az ad sp show --id "$1" --query id --output tsv)',
        '  role=$(az ad sp show --id "$1" --query "appRoles[?value==\'$2\'].id | [0]" --output tsv)',
        '  [ -n "$role" ] || { echo "$2: not defined in this tenant" >&2; exit 1; }',
        f'  url="{graph_url}/v1.0/servicePrincipals/$identity/appRoleAssignments"',
        '  held=$(az rest --method get --url "$url" --query "length(value[?appRoleId==\'$role\'])" --output tsv)',
        '  [ "$held" != 0 ] && echo "$2: is there" && return',
        '  body="{\\"principalId\\":\\"$identity\\",\\"resourceId\\":\\"$resource\\",\\"appRoleId\\":\\"$role\\"}"',
        '  az rest --method post --url "$url" --body "$body" --output none',
        '  echo "$2: assigned"',
        "}",
        *(f"assign {app} {role.value}" for app, role in roles),
    ]
    return "\n".join(lines) + "\n"


def _assign(wire: Wire, principal: str, resource: str, role: str) -> None:
    url = wire.tenant.graph(f"servicePrincipals/{resource}/appRoleAssignedTo")
    body = {"principalId": principal, "resourceId": resource, "appRoleId": role}
    call(wire, "POST", url, ASSIGNING, body, repeatable=False)


def _principal(wire: Wire, identity: str) -> Mapping[str, Any]:
    """By client id, or by object id."""
    for path in (f"servicePrincipals(appId='{quote(identity)}')", f"servicePrincipals/{quote(identity)}"):
        found = call(wire, "GET", wire.tenant.graph(path), READING, gone=True).document
        if found is not None:
            return found
    text = f"The tenant has no service principal {identity}."
    raise UnknownIdentity(text, public=text)


def _role_id(resource: Mapping[str, Any], value: str) -> str:
    for each in resource.get("appRoles", []):
        if each.get("value") == value and "Application" in each.get("allowedMemberTypes", []):
            return str(each["id"])
    return ""
