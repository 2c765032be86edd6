"""The app roles that Scepter's identity needs in a tenant, and what for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"
Need = Literal["scep", "directory", "groups", "status"]
NEEDS: Final[Mapping[Need, str]] = {
    "scep": "enrolments and the revocation queue",
    "directory": "looking at the directory, and notifications of users",
    "groups": "notifications of groups",
    "status": "intune status and intune check",
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role by its value; `probe` is a path of Graph that takes it, empty where there is none."""

    value: str
    need: Need
    probe: str = ""


SCEP_ROLE: Final = Role("scep_challenge_provider", "scep")
"""Intune's; all others are Graph's."""
GRAPH_ROLES: Final = (
    Role("Application.Read.All", "scep"),
    Role("Device.Read.All", "directory", "devices?$top=1&$select=id"),
    Role("User.Read.All", "directory", "users?$top=1&$select=id"),
    Role(
        "DeviceManagementManagedDevices.Read.All",
        "directory",
        "deviceManagement/managedDevices?$top=1&$select=id",
    ),
    Role("Group.Read.All", "groups", "groups?$top=1&$select=id"),
    Role("DeviceManagementConfiguration.Read.All", "status", "deviceManagement/deviceConfigurations?$top=1"),
)


def roles_for(needs: Iterable[Need], intune_app: str) -> list[tuple[str, Role]]:
    """Each role with the application that defines it."""
    wanted = set(needs)
    found = [(intune_app, SCEP_ROLE), *((GRAPH_APP, role) for role in GRAPH_ROLES)]
    return [(app, role) for app, role in found if role.need in wanted]
