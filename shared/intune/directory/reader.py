"""DirectoryReader over Graph v1.0 (delta queries of devices and users) and beta or v1.0 (Intune's devices)."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.device_management.managed_devices.managed_devices_request_builder import (
    ManagedDevicesRequestBuilder,
)
from msgraph.generated.devices.delta.delta_request_builder import DeltaRequestBuilder as DevicesDelta
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as UsersDelta

from shared.errors import IntuneUnavailable
from shared.intune.directory import beta
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

Object = TypeVar("Object", EntraDevice, EntraUser)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class GraphDirectory:
    """`beta` says whether beta may be asked. Each reading ends after a while, and says where to go on."""

    graph: Graph
    beta: bool

    def devices(self, link: str) -> Delta[EntraDevice]:
        select = ["id", "deviceId", "accountEnabled", "isManaged"]

        def builder(client: GraphServiceClient) -> Any:  # noqa: ANN401 - the SDK has no types for us
            return client.devices.delta

        asked = RequestConfiguration(
            query_parameters=DevicesDelta.DeltaRequestBuilderGetQueryParameters(select=select)
        )
        return self._delta(builder, asked, link, _device, ("devices/delta", "Device.Read.All"))

    def users(self, link: str) -> Delta[EntraUser]:
        select = ["id", "userPrincipalName", "accountEnabled"]

        def builder(client: GraphServiceClient) -> Any:  # noqa: ANN401
            return client.users.delta

        asked = RequestConfiguration(
            query_parameters=UsersDelta.DeltaRequestBuilderGetQueryParameters(select=select)
        )
        return self._delta(builder, asked, link, _user, ("users/delta", "User.Read.All"))

    def managed_devices(self) -> Sequence[ManagedDevice]:
        asked = ("deviceManagement/managedDevices", "DeviceManagementManagedDevices.Read.All")
        return self._translated(self._managed_devices, asked)

    def _delta(
        self,
        builder: Callable[[GraphServiceClient], Any],
        asked: RequestConfiguration[Any],
        link: str,
        read: Callable[[Any], Object],
        about: tuple[str, str],
    ) -> Delta[Object]:
        async def all_pages(client: GraphServiceClient) -> Delta[Object]:
            requests = builder(client)
            try:
                return await _pages(requests, asked, link, read)
            except APIError as error:
                if not link or error.response_status_code != _LOST:
                    raise
            log.warning("Graph has forgotten our place in %s: everything is read again", about[0])
            return await _pages(requests, asked, "", read)

        return self._translated(all_pages, about)

    async def _managed_devices(self, client: GraphServiceClient) -> list[ManagedDevice]:
        if self.beta:
            query = f"$select={','.join((*_FIELDS, 'managementState'))}"
            url = beta.address(client, f"deviceManagement/managedDevices?{query}")
            try:
                return [_of_beta(each) for each in await beta.read_all(client, url)]
            except APIError as error:
                if error.response_status_code not in _NO_BETA:
                    raise
                log.warning(
                    "Graph's beta does not list managed devices (%s): v1.0 does", error.response_status_code
                )
        query_parameters = ManagedDevicesRequestBuilder.ManagedDevicesRequestBuilderGetQueryParameters(
            select=[*_FIELDS, "deviceActionResults"]
        )
        requests, found = client.device_management.managed_devices, []
        page = await requests.get(RequestConfiguration(query_parameters=query_parameters))
        while page is not None:
            found += [_of_v1(each) for each in page.value or []]
            if not page.odata_next_link:
                return found
            url = beta.same_origin(page.odata_next_link, str(client.request_adapter.base_url))
            page = await requests.with_url(url).get()
        raise IntuneUnavailable("Graph answers managedDevices with nothing")

    def _translated(
        self, act: Callable[[GraphServiceClient], Awaitable[Result]], about: tuple[str, str]
    ) -> Result:
        try:
            return self.graph.run(act)
        except Exception as error:  # noqa: BLE001 - the SDK raises anything for answers of another shape
            raise translated(error, *about) from None


async def _pages(
    requests: Any,  # noqa: ANN401
    asked: RequestConfiguration[Any],
    link: str,
    read: Callable[[Any], Object],
) -> Delta[Object]:
    """From a link, or from the beginning, to the last page, or as far as there is time."""
    origin = str(requests.request_adapter.base_url)
    deadline = time.monotonic() + _READING_SECONDS
    page = await (requests.with_url(beta.same_origin(link, origin)).get() if link else requests.get(asked))
    found: list[Object] = []
    while True:
        found += [read(each) for each in page.value or []]
        if page.odata_delta_link:
            return Delta(_merged(found), str(page.odata_delta_link), complete=not link)
        if not page.odata_next_link:
            raise IntuneUnavailable("Graph's answer has no link to go on with")
        following = beta.same_origin(str(page.odata_next_link), origin)
        if time.monotonic() > deadline:
            return Delta(_merged(found), following, more=True)
        page = await requests.with_url(following).get()


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


def _device(found: Any) -> EntraDevice:  # noqa: ANN401
    return EntraDevice(
        str(found.id), found.device_id, found.account_enabled, found.is_managed, _is_removed(found)
    )


def _user(found: Any) -> EntraUser:  # noqa: ANN401
    return EntraUser(str(found.id), found.user_principal_name, found.account_enabled, _is_removed(found))


def _is_removed(found: Any) -> bool:  # noqa: ANN401
    return "@removed" in (found.additional_data or {})


def _of_beta(found: Mapping[str, Any]) -> ManagedDevice:
    identifier, entra, serial = (str(found.get(name) or "") for name in _FIELDS)
    return ManagedDevice(
        identifier, entra, serial, _ORDERED.get(str(found.get("managementState")).lower(), "")
    )


def _of_v1(found: Any) -> ManagedDevice:  # noqa: ANN401
    states = [
        _ACTIONS[str(each.action_name).lower()]
        for each in found.device_action_results or []
        if str(each.action_name).lower() in _ACTIONS and _word(each.action_state) in _UNDER_WAY
    ]
    return ManagedDevice(
        str(found.id), found.azure_a_d_device_id or "", found.serial_number or "", states[0] if states else ""
    )


def _word(state: Any) -> str:  # noqa: ANN401
    return str(getattr(state, "value", state)).lower()
