"""A collection of Graph with pages and delta queries: what changed since a token, in any order, some of it twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import quote

from fakes.microsoft.parts import Refused, Reply, Request


@dataclass
class Collection:
    """Objects by id. `page` is how many one answer holds; with `minimal` a delta tells only what changed of an object,
    as Graph may."""

    base: str
    path: str
    page: int = 3
    minimal: bool = True
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost_tokens: bool = False
    twice: bool = False
    _changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def put(self, key: str, **properties: Any) -> None:
        """Create an object, or change some properties of it."""
        with self._lock:
            known = self.objects.setdefault(key, {"id": key})
            known.update(properties)
            self._changes.append((key, {"id": key, **properties}))

    def remove(self, key: str, reason: str = "changed") -> None:
        """Delete it: "changed" can be restored, "deleted" is for good."""
        with self._lock:
            found = self.objects.pop(key)
            if reason == "changed":
                self.deleted[key] = found
            self._changes.append((key, {"id": key, "@removed": {"reason": reason}}))

    def hide(self, *keys: str) -> None:
        """A listing that lacks them, though nothing says that they were deleted."""
        for key in keys:
            self.objects.pop(key, None)

    def listing(self, request: Request) -> Reply:
        """GET of the collection, a page at a time."""
        found = [_selected(each, request) for each in list(self.objects.values())]
        return self._paged(request, self.path, found)

    def delta(self, request: Request) -> Reply:
        """GET of `delta`: everything at first, later what changed since the token."""
        token = request.query.get("$deltatoken")
        if token is not None and self.lost_tokens:
            raise Refused(410, "syncStateNotFound")
        if token == "latest":
            return Reply(
                200, {"value": [], "@odata.deltaLink": self._delta_link(request, len(self._changes))}
            )
        state = int(request.query.get("$state", len(self._changes)))
        if token is None and "$since" not in request.query:
            found = [_selected(each, request) for each in list(self.objects.values())]
            since: int | None = None
        else:
            since = int(token if token is not None else request.query["$since"])
            found = self._changed(since, state, request)
        more = f"&$state={state}" + ("" if since is None else f"&$since={since}")
        return self._paged(
            request, f"{self.path}/delta", found, more=more, end=self._delta_link(request, state)
        )

    def _changed(self, since: int, state: int, request: Request) -> list[dict[str, Any]]:
        latest: dict[str, dict[str, Any]] = {}
        for key, change in self._changes[since:state]:
            if "@removed" in change:
                latest[key] = change
            else:
                before = latest.get(key, {})
                latest[key] = {**({} if "@removed" in before else before), **change}
        found = [
            each
            if "@removed" in each
            else _selected(each if self.minimal else self.objects[each["id"]], request)
            for each in latest.values()
        ]
        return [*reversed(found), *(found if self.twice else [])]

    def _paged(
        self, request: Request, path: str, found: list[dict[str, Any]], *, more: str = "", end: str = ""
    ) -> Reply:
        start = int(request.query.get("$skiptoken", "0"))
        page: dict[str, Any] = {
            "@odata.context": f"$metadata#{path}",
            "value": found[start : start + self.page],
        }
        if start + self.page < len(found):
            selected = request.query.get("$select", "")
            keep = f"&$select={quote(selected)}" if selected else ""
            page["@odata.nextLink"] = f"{self.base}{path}?$skiptoken={start + self.page}{more}{keep}"
        elif end:
            page["@odata.deltaLink"] = end
        return Reply(200, page)

    def _delta_link(self, request: Request, state: int) -> str:
        selected = request.query.get("$select", "")
        keep = f"&$select={quote(selected)}" if selected else ""
        return f"{self.base}{self.path}/delta?$deltatoken={state}{keep}"


def _selected(found: dict[str, Any], request: Request) -> dict[str, Any]:
    wanted = request.query.get("$select")
    if not wanted:
        return dict(found)
    names = {"id", *wanted.split(",")}
    return {name: value for name, value in found.items() if name in names}
