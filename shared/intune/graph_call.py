"""One call of Graph without the SDK, and what its refusals mean; collections over all their pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.errors import IntuneUnavailable
from shared.intune.budget import within
from shared.intune.directory.objects import PermissionMissing
from shared.intune.wire import Answer, Wire

_SECONDS: Final = 20.0
_MOST_PAGES: Final = 2_000
_SAID: Final = 300


class GraphRefusal(IntuneUnavailable):
    """Graph finds what it was asked to make wrong; it will find the same again."""


def call(
    wire: Wire,
    method: str,
    url: str,
    permission: str,
    body: Mapping[str, Any] | None = None,
    *,
    gone: bool = False,
    repeatable: bool = True,
) -> Answer:
    """The answer: 2xx, or with `gone` 404. Raises IntuneUnavailable, PermissionMissing, GraphRefusal."""
    act = f"{method} {_subject(url)}"
    with within(_SECONDS):
        answer = wire.graph(method, url, body, act=act, repeatable=repeatable)
    if answer.ok or (answer.status == 204 and answer.document is None):
        return answer
    if gone and answer.status == 404:
        return Answer(404, None, answer.retry_after, answer.id, answer.date)
    told = f"Graph refuses {act} ({answer.status}, {answer.id})"
    if answer.status == 403:
        raise PermissionMissing(f"{told}: the identity lacks the permission {permission}")
    if answer.status == 400:
        raise GraphRefusal(f"{told}: {_said_in(answer)}")
    raise IntuneUnavailable(told, retry_after=answer.retry_after)


def everything(wire: Wire, url: str, permission: str) -> list[Mapping[str, Any]]:
    """All objects of a collection. Raises as `call`."""
    found: list[Mapping[str, Any]] = []
    origin = url.split("/")[:3]
    for _ in range(_MOST_PAGES):
        page = call(wire, "GET", url, permission).document or {}
        found += [each for each in page.get("value", []) if isinstance(each, Mapping)]
        following = page.get("@odata.nextLink")
        if not following:
            return found
        url = str(following)
        if url.split("/")[:3] != origin:  # the token goes nowhere else
            raise IntuneUnavailable("Graph's next page is on another host")
    raise IntuneUnavailable("Graph's pages have no end")


def _said_in(answer: Answer) -> str:
    """What Graph says is wrong."""
    error = (answer.document or {}).get("error")
    return str(error.get("message", ""))[:_SAID] if isinstance(error, Mapping) else ""


def _subject(url: str) -> str:
    """What is asked for, without ids and query: for the log."""
    path = url.partition("?")[0].split("/", 4)[-1]
    parts = [part.partition("(")[0] for part in path.split("/")]
    return "/".join(part for part in parts if part.replace(".", "").isalpha()) or path.partition("/")[0]
