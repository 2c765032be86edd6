"""What only Graph's beta has, by explicit addresses through the SDK's request adapter, and as JSON.

Beta may change any day: whoever reads it has a way without, and tolerates what is not there.
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


def address(client: GraphServiceClient, path: str) -> str:
    """Where a resource is in beta; `path` is what follows the version."""
    base, _, _ = str(client.request_adapter.base_url).rpartition("/")
    return f"{base}/beta/{path}"


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
        found += [each for each in page.get("value", []) if isinstance(each, dict)]
        following = page.get("@odata.nextLink")
        if not following:
            return found
        url = same_origin(str(following), url)
    raise IntuneUnavailable("Graph's pages have no end")


def same_origin(link: str, url: str) -> str:
    """`link`, if it stays where `url` is: the token goes nowhere else. Raises IntuneUnavailable."""
    if link.split("/")[:3] != url.split("/")[:3]:
        raise IntuneUnavailable("Graph's next page is on another host")
    return link
