"""One request to Microsoft's services and what came back: JSON over https, a client-request-id to find it by in
their logs, and IntuneUnavailable for everything that is not an answer."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from azure.core.exceptions import AzureError, ServiceRequestError
from azure.core.rest import HttpRequest, HttpResponse

from shared.errors import IntuneUnavailable, PKIError, RequestError
from shared.intune.credential import credential_of
from shared.intune.pipeline import BoundedTransport, RenewableCredential, pipeline
from shared.intune.tenant import Tenant

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import Pipeline

log = logging.getLogger("scepter.intune")

RETRY_AFTER: Final = 30
_LONGEST_RETRY_AFTER: Final = 600
_REPEATABLE: Final[Mapping[str, Any]] = {"retry_on_methods": frozenset(("GET", "POST"))}
# Once it may have arrived it is not sent again; a connection that was never made is tried twice.
_ONCE: Final[Mapping[str, Any]] = {**_REPEATABLE, "retry_read": 0, "retry_status": 0}


class Unserved(IntuneUnavailable):
    """The service did not serve the call. `elsewhere`: the same call may be made at another place."""

    def __init__(self, reason: str, *, retry_after: int, elsewhere: bool) -> None:
        super().__init__(reason, retry_after=retry_after)
        self.elsewhere = elsewhere


class CallRefused(RequestError):
    """The service answers that the call is wrong; the same call will be wrong again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `document` is its JSON object, None if it has none. `id` is the client-request-id it answers, `date`
    what the service takes for the time."""

    status: int
    document: Mapping[str, Any] | None
    retry_after: int
    id: str
    date: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for: 2xx with a JSON object."""
        return 200 <= self.status < 300 and self.document is not None

    def failure(self, act: str, *, repeatable: bool) -> PKIError:
        """What it means if it is not what was asked for."""
        told = f"{act}: HTTP {self.status} ({self.id})"
        if self.status in (401, 403):
            return IntuneUnavailable(f"{told}, the identity lacks the role for it", retry_after=60)
        if self.status in (408, 429):
            return IntuneUnavailable(told, retry_after=self.retry_after)
        if 400 <= self.status < 500 and self.status != 404:
            return CallRefused(f"Intune refuses the call: {told}")
        if 200 <= self.status < 300:
            told = f"{told}, and no JSON object"
        return Unserved(told, retry_after=self.retry_after, elsewhere=repeatable or self.status == 404)


class Wire:
    """The connections of one integration, as its identity or as somebody else. Thread-safe."""

    def __init__(
        self, tenant: Tenant, credential: Callable[[BoundedTransport], TokenCredential] | None = None
    ) -> None:
        self.tenant = tenant
        self._transport = BoundedTransport()
        make = credential or partial(credential_of, tenant)
        self._credential = RenewableCredential(lambda: make(self._transport))

    def get_from_graph(self, url: str) -> Answer:
        """One GET of Graph. Raises IntuneUnavailable if there is no answer."""
        return self._exchange(self._graph, HttpRequest("GET", url), "discovery", _REPEATABLE)

    def graph(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        act: str,
        repeatable: bool = True,
    ) -> Answer:
        """One call of Graph. Raises IntuneUnavailable if there is no answer."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = HttpRequest(method, url, headers=headers, content=content)
        return self._exchange(self._graph, request, act, _REPEATABLE if repeatable else _ONCE)

    def post(
        self, url: str, body: Mapping[str, Any], *, api_version: str, act: str, repeatable: bool
    ) -> Answer:
        """One POST to a service of Intune's. Raises IntuneUnavailable if there is no answer."""
        headers = {"Content-Type": "application/json; charset=utf-8", "api-version": api_version}
        request = HttpRequest("POST", url, headers=headers, content=json.dumps(body).encode())
        return self._exchange(self._intune, request, act, _REPEATABLE if repeatable else _ONCE)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @cached_property
    def _graph(self) -> Pipeline[Any, Any]:
        return pipeline(self._transport, self._credential, self.tenant.scope_of_graph)

    @cached_property
    def _intune(self) -> Pipeline[Any, Any]:
        return pipeline(self._transport, self._credential, self.tenant.scope)

    def _exchange(
        self, way: Pipeline[Any, Any], request: HttpRequest, act: str, options: Mapping[str, Any]
    ) -> Answer:
        identifier, begun = str(uuid4()), time.perf_counter()
        request.headers["client-request-id"] = identifier
        ended = "no answer"
        try:
            response = way.run(request, **options).http_response
            ended = str(response.status_code)
        except AzureError as error:
            ended = type(error).__name__
            elsewhere = options is _REPEATABLE or isinstance(error, ServiceRequestError)
            raise Unserved(
                f"{act}: cannot be reached ({ended})", retry_after=RETRY_AFTER, elsewhere=elsewhere
            ) from None
        finally:
            log.info(
                "integration %s %s client-request-id %s: %s in %d ms",
                self.tenant.name,
                act,
                identifier,
                ended,
                (time.perf_counter() - begun) * 1000,
            )
        date = response.headers.get("Date", "")
        return Answer(response.status_code, _document(response), _retry_after(response), identifier, date)


def _document(response: HttpResponse) -> Mapping[str, Any] | None:
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _retry_after(response: HttpResponse) -> int:
    stated = response.headers.get("Retry-After", "")
    return min(max(int(stated), 1), _LONGEST_RETRY_AFTER) if stated.isdecimal() else RETRY_AFTER
