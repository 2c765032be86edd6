"""Where Intune's services are: Graph lists the endpoints of Intune's service principal, per scale unit, and they move.

What was found is kept until it turns out to be wrong.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from shared.errors import IntuneUnavailable
from shared.intune.budget import remaining
from shared.intune.wire import RETRY_AFTER, Answer

log = logging.getLogger("scepter.intune")

_MOST_PAGES: Final = 20
_REST_SECONDS: Final = 10.0


class ServiceLocations:
    """`get` is one GET of Graph, `url` where the list begins. Thread-safe: one thread asks, the others wait for it.

    A location is the base URL of a service, without a slash at the end.
    """

    def __init__(
        self, get: Callable[[str], Answer], url: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._get, self._url, self._clock = get, url, clock
        self._lock = threading.Lock()
        self._known: Mapping[str, str] = {}
        self._rests_until = 0.0

    def locate(self, service: str) -> str:
        """Where `service` is. Raises IntuneUnavailable."""
        known = self._known.get(service.lower())
        if known is not None:
            return known
        with self._alone():
            if service.lower() not in self._known:
                self._known = self._discover()
        return self._found(service)

    def relocate(self, service: str, wrong: str) -> str | None:
        """Where it is after it did not answer at `wrong`; that may be the same. None if Graph was asked for that
        moments ago, and in vain. Raises IntuneUnavailable."""
        with self._alone():
            known = self._known.get(service.lower())
            if known not in (None, wrong):  # somebody else has asked
                return known
            if self._clock() < self._rests_until:
                return None
            self._rests_until = self._clock() + _REST_SECONDS
            self._known = self._discover()
            if self._known.get(service.lower()) != wrong:
                self._rests_until = 0.0
        return self._found(service)

    def look_again(self) -> Mapping[str, str]:
        """Everything that Graph lists now. Raises IntuneUnavailable."""
        with self._alone():
            self._known = self._discover()
            return self._known

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=remaining()):
            raise IntuneUnavailable("discovery: others are waiting for it too")
        try:
            yield
        finally:
            self._lock.release()

    def _found(self, service: str) -> str:
        found = self._known.get(service.lower())
        if found is None:
            raise IntuneUnavailable(f"discovery: the tenant has no service {service}", retry_after=300)
        return found

    def _discover(self) -> Mapping[str, str]:
        """All services by lower-case name. Names occur twice; the last one counts, as in Microsoft's own library."""
        found: dict[str, str] = {}
        url = self._url
        for _ in range(_MOST_PAGES):
            page = self._page(url)
            for entry in page["value"]:
                name, uri = _name_of(entry), entry.get("uri") if isinstance(entry, Mapping) else None
                if name and isinstance(uri, str):
                    found[name.lower()] = uri.rstrip("/")
            url = str(page.get("@odata.nextLink") or "")
            if not url:
                break
            if _origin(url) != _origin(self._url):  # the token goes nowhere else
                raise IntuneUnavailable("discovery: the next page is on another host")
        log.info("discovery: %d services", len(found))
        return found

    def _page(self, url: str) -> Mapping[str, Any]:
        answer = self._get(url)
        if answer.ok and answer.document is not None and isinstance(answer.document.get("value"), list):
            return answer.document
        if answer.status in (401, 403):
            raise IntuneUnavailable(
                f"discovery: Graph says {answer.status}, the identity may not read it ({answer.id})",
                retry_after=60,
            )
        if answer.status == 404:
            raise IntuneUnavailable("discovery: the tenant has no Intune service principal", retry_after=300)
        retry = answer.retry_after if answer.status >= 400 else RETRY_AFTER
        raise IntuneUnavailable(
            f"discovery: Graph says {answer.status} and no list ({answer.id})", retry_after=retry
        )


def _name_of(entry: object) -> str:
    """`providerName`, or in the older form `serviceName`."""
    if not isinstance(entry, Mapping):
        return ""
    name = entry.get("providerName") or entry.get("serviceName")
    return name if isinstance(name, str) else ""


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3]).lower()
