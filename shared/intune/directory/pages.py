"""Graph's collections by explicit addresses through the SDK's request adapter, page by page, and as JSON.

Not through the SDK's models: each object read through one costs ten milliseconds of processor time, two minutes for
ten thousand devices, and they have no models of beta. Beta may change any day: whoever reads it has a way without, and
tolerates what is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph import GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from shared.errors import IntuneUnavailable

_MOST_PAGES: Final = 2_000
_ERRORS: Final = {"XXX": ODataError}


def address(client: GraphServiceClient, path: str, *, beta: bool = False) -> str:
    """Where a resource is, in the version that the settings name or in beta; `path` is what follows the version."""
    base = str(client.request_adapter.base_url)
    return f"{base.rpartition('/')[0]}/beta/{path}" if beta else f"{base}/{path}"


async def read(client: GraphServiceClient, url: str) -> Mapping[str, Any]:
    """One GET. Raises APIError; ValueError or TypeError for what is no JSON object."""
    request = RequestInformation(Method.GET)
    request.url = url
    request.headers.try_add("Accept", "application/json")
    body = await client.request_adapter.send_primitive_async(request, "bytes", _ERRORS)
    found = json.loads(body or b"")
    if not isinstance(found, dict):
        raise TypeError("no JSON object")
    return found


async def read_all(client: GraphServiceClient, url: str) -> list[Mapping[str, Any]]:
    """Everything in a collection, over all its pages."""
    found: list[Mapping[str, Any]] = []
    for _ in range(_MOST_PAGES):
        page = await read(client, url)
        found += objects_of(page)
        following = page.get("@odata.nextLink")
        if not following:
            return found
        url = same_origin(str(following), url)
    raise IntuneUnavailable("Graph's pages have no end")


def objects_of(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects on a page; none where it has no list. Raises TypeError for something else in its place."""
    found = page.get("value", [])
    if not isinstance(found, list):
        raise TypeError("a page without a list")
    return [each for each in found if isinstance(each, dict)]


def same_origin(link: str, url: str) -> str:
    """`link`, if it stays where `url` is: the token goes nowhere else. Raises IntuneUnavailable."""
    if link.split("/")[:3] != url.split("/")[:3]:
        raise IntuneUnavailable("Graph's next page is on another host")
    return link
