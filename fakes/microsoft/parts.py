"""What the parts of the fake have in common: the request they see, the reply they give, and how they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import UUID


@dataclass(frozen=True)
class Request:
    """An HTTP request. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True)
class Reply:
    """What goes back, as JSON."""

    status: int
    document: Any


class Refused(Exception):
    """A request that is not as the service wants it; the text is what the fake found wrong."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.reply = Reply(status, {"error": {"code": str(status), "message": why}})


class Part(Protocol):
    """One service."""

    def act(self, request: Request) -> str | None:
        """What the request wants of this part, by name; None if it is none of its business."""

    def answer(self, act: str, request: Request) -> Reply:
        """Do it. Raises Refused."""


def check_call(request: Request, version: str) -> Any:
    """The JSON body of a call as Intune's services want it. Raises Refused."""
    if request.headers.get("api-version") != version:
        raise Refused(400, f"api-version {request.headers.get('api-version')} is not {version}")
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, "not application/json")
    check_request_id(request)
    try:
        return json.loads(request.body)
    except ValueError:
        raise Refused(400, "the body is no JSON") from None


def check_request_id(request: Request) -> None:
    """Raises Refused unless there is a GUID to find the call by."""
    try:
        UUID(request.headers.get("client-request-id", ""))
    except ValueError:
        raise Refused(400, "client-request-id is no GUID") from None


def texts(document: Any, *names: str, optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The fields of an object, which are texts and not empty; the optional ones may be null or absent, and no other may
    be there. Raises Refused."""
    if not isinstance(document, dict) or set(document) - {*names, *optional}:
        raise Refused(400, f"not an object of {names} and {optional}")
    for name in names:
        if not isinstance(document.get(name), str) or not document[name]:
            raise Refused(400, f"{name} is no text")
    for name in optional:
        if not isinstance(document.get(name), str | None):
            raise Refused(400, f"{name} is no text")
    return document
