"""Intune in Graph: managed devices in beta and v1.0, and connectors. `managementState` is in beta only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from fakes.microsoft.collections import Collection
from fakes.microsoft.entra import Entra
from fakes.microsoft.parts import Refused, Reply, Request

_PATH: Final = re.compile(r"/(v1\.0|beta)/deviceManagement/managedDevices")
_STATES: Final = frozenset(
    {
        *(
            "managed",
            "retirePending",
            "retireFailed",
            "wipePending",
            "wipeFailed",
            "unhealthy",
            "deletePending",
        ),
        *("retireIssued", "wipeIssued", "wipeCanceled", "retireCanceled", "discovered"),
    }
)


@dataclass
class ManagedDevices:
    """`beta` off: nothing is served there."""

    entra: Entra
    beta: bool = True
    devices: Collection = field(init=False)

    def __post_init__(self) -> None:
        self.devices = Collection(self.entra.base, "")

    def put(self, key: str, entra: str = "", serial: str = "", state: str = "managed", **more: Any) -> None:
        """Enrol a device, or change what it is."""
        assert state in _STATES
        properties = {"azureADDeviceId": entra, "serialNumber": serial, "managementState": state}
        self.devices.put(key, **properties, deviceActionResults=_results(state), **more)

    def act(self, request: Request) -> str | None:
        found = _PATH.fullmatch(request.path)
        return None if found is None or request.method != "GET" else f"managedDevices {found[1]}"

    def answer(self, act: str, request: Request) -> Reply:
        self.entra.check_graph(request, "DeviceManagementManagedDevices.Read.All")
        beta = act.endswith("beta")
        if beta and not self.beta:
            raise Refused(404, "there is no beta here")
        if not beta and "managementState" in request.query.get("$select", ""):
            raise Refused(400, "Could not find a property named 'managementState'")
        listed = Collection(self.entra.base, request.path, self.devices.page)
        listed.objects = {
            key: each if beta else {name: value for name, value in each.items() if name != "managementState"}
            for key, each in self.devices.objects.items()
        }
        return listed.listing(request)


def _results(state: str) -> list[dict[str, str]]:
    """What v1.0 says of the same."""
    found = re.fullmatch("(wipe|retire|delete)(Pending|Issued|Failed|Canceled)", state)
    if found is None:
        return []
    word = {"Pending": "pending", "Issued": "active", "Failed": "failed", "Canceled": "canceled"}[found[2]]
    return [{"actionName": found[1], "actionState": word}]
