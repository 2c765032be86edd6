"""DirectoryReader over Graph v1.0 (delta queries of devices and users) and beta or v1.0 (Intune's devices)."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeAlias, TypeVar

from kiota_abstractions.api_error import APIError
from msgraph import GraphServiceClient

from shared.errors import IntuneUnavailable
from shared.intune.directory import pages
from shared.intune.directory.graph import Graph, translated
from shared.intune.directory.objects import Delta, EntraDevice, EntraUser, ManagedDevice

log = logging.getLogger("scepter.directory")

_READING_SECONDS: Final = 100.0
_LOST: Final = 410
_NO_BETA: Final = frozenset({400, 404, 405, 501})
_ORDERED: Final[Mapping[str, str]] = {
    "wipepending": "wiped",
    "wipeissued": "wiped",
    "retirepending": "retired",
    "retireissued": "retired",
    "deletepending": "deleted",
}
_ACTIONS: Final[Mapping[str, str]] = {
    "wipe": "wiped",
    "factoryreset": "wiped",
    "retire": "retired",
    "removecompanydata": "retired",
    "delete": "deleted",
}
_UNDER_WAY: Final = frozenset({"pending", "active"})
_FIELDS: Final = ("id", "azureADDeviceId", "serialNumber")

JSON: TypeAlias = Mapping[str, Any]
Object = TypeVar("Object", EntraDevice, EntraUser)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class GraphDirectory:
    """`beta` says whether beta may be asked. Each reading ends after a while, and says where to go on."""

    graph: Graph
    beta: bool

    def devices(self, link: str) -> Delta[EntraDevice]:
        path = "devices/delta?$select=id,deviceId,accountEnabled,isManaged"
        return self._delta(path, link, _device, ("devices/delta", "Device.Read.All"))

    def users(self, link: str) -> Delta[EntraUser]:
        path = "users/delta?$select=id,userPrincipalName,accountEnabled"
        return self._delta(path, link, _user, ("users/delta", "User.Read.All"))

    def managed_devices(self) -> Sequence[ManagedDevice]:
        asked = ("deviceManagement/managedDevices", "DeviceManagementManagedDevices.Read.All")
        return self._translated(self._managed_devices, asked)

    def _delta(
        self, path: str, link: str, read: Callable[[JSON], Object], about: tuple[str, str]
    ) -> Delta[Object]:
        async def all_pages(client: GraphServiceClient) -> Delta[Object]:
            start = pages.address(client, path)
            if link:
                try:
                    return await _pages(client, pages.same_origin(link, start), read, complete=False)
                except APIError as error:
                    if error.response_status_code != _LOST:
                        raise
                log.warning("Graph has forgotten our place in %s: everything is read again", about[0])
            return await _pages(client, start, read, complete=True)

        return self._translated(all_pages, about)

    async def _managed_devices(self, client: GraphServiceClient) -> list[ManagedDevice]:
        path = f"deviceManagement/managedDevices?$select={','.join(_FIELDS)}"
        if self.beta:
            url = pages.address(client, f"{path},managementState", beta=True)
            try:
                return [_of_beta(each) for each in await pages.read_all(client, url)]
            except APIError as error:
                if error.response_status_code not in _NO_BETA:
                    raise
                log.warning(
                    "Graph's beta does not list managed devices (%s): v1.0 does", error.response_status_code
                )
        url = pages.address(client, f"{path},deviceActionResults")
        return [_of_v1(each) for each in await pages.read_all(client, url)]

    def _translated(
        self, act: Callable[[GraphServiceClient], Awaitable[Result]], about: tuple[str, str]
    ) -> Result:
        try:
            return self.graph.run(act)
        except Exception as error:  # noqa: BLE001 - the SDK raises anything for answers of another shape
            raise translated(error, *about) from None


async def _pages(
    client: GraphServiceClient, url: str, read: Callable[[JSON], Object], *, complete: bool
) -> Delta[Object]:
    """From `url` to the last page, or as far as there is time."""
    deadline = time.monotonic() + _READING_SECONDS
    found: list[Object] = []
    while True:
        page = await pages.read(client, url)
        found += [read(each) for each in pages.objects_of(page)]
        if last := page.get("@odata.deltaLink"):
            return Delta(_merged(found), str(last), complete=complete)
        following = page.get("@odata.nextLink")
        if not following:
            raise IntuneUnavailable("Graph's answer has no link to go on with")
        url = pages.same_origin(str(following), url)
        if time.monotonic() > deadline:
            return Delta(_merged(found), url, more=True)


def _merged(found: Iterable[Object]) -> list[Object]:
    """Each object once: what a later mention says counts, and what it leaves out is as before."""
    latest: dict[str, Object] = {}
    for each in found:
        before = latest.pop(each.object_id, None)
        if before is not None and not before.removed and not each.removed:
            said = {field.name: getattr(each, field.name) for field in fields(each)}
            each = replace(before, **{name: value for name, value in said.items() if value is not None})
        latest[each.object_id] = each
    return list(latest.values())


def _device(found: JSON) -> EntraDevice:
    return EntraDevice(
        str(found["id"]),
        _text(found.get("deviceId")),
        _flag(found.get("accountEnabled")),
        _flag(found.get("isManaged")),
        "@removed" in found,
    )


def _user(found: JSON) -> EntraUser:
    name, enabled = _text(found.get("userPrincipalName")), _flag(found.get("accountEnabled"))
    return EntraUser(str(found["id"]), name, enabled, "@removed" in found)


def _of_beta(found: JSON) -> ManagedDevice:
    return _managed(found, _ORDERED.get(str(found.get("managementState")).lower(), ""))


def _of_v1(found: JSON) -> ManagedDevice:
    states = [
        _ACTIONS[str(each.get("actionName")).lower()]
        for each in found.get("deviceActionResults") or []
        if str(each.get("actionName")).lower() in _ACTIONS
        and str(each.get("actionState")).lower() in _UNDER_WAY
    ]
    return _managed(found, states[0] if states else "")


def _managed(found: JSON, ordered: str) -> ManagedDevice:
    identifier, entra, serial = (str(found.get(name) or "") for name in _FIELDS)
    return ManagedDevice(identifier, entra, serial, ordered)


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


def _flag(found: object) -> bool | None:
    return found if isinstance(found, bool) else None
