"""The way to Microsoft's services: azure-core's pipeline and policies, bounded by the budget of the caller.

Imported on first use only; so is azure-identity, in `credential`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestTimeoutError,
)
from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HttpLoggingPolicy,
    HTTPPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from shared.errors import IntuneUnavailable
from shared.intune.budget import remaining

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

Response = PipelineResponse[HttpRequest, HttpResponse]

AGENT: Final = "Scepter"
CONNECT_SECONDS: Final = 2.0
_SHARE_OF_ONE: Final = 0.6
"""Of the time left, for one answer: so that there is some for another try."""
_CONNECTIONS: Final = 64
_LONGEST_PAUSE: Final = 3.0
_FINAL_SECONDS: Final = 30.0
_SAID: Final = 300
# At DEBUG: method, URL and headers of every exchange, with the Authorization header redacted, and never a body.
HTTP_LOG: Final = logging.getLogger("scepter.intune.http")


class BoundedTransport(RequestsTransport):  # type: ignore[misc]  # azure-core loads it lazily: Any to mypy
    """azure-core's transport over `requests`, for all threads. Proxies and CA bundles of the environment count."""

    def __init__(self) -> None:
        session = Session()
        once = Retry(total=False, redirect=False, raise_on_status=False)
        session.mount("https://", HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=once))
        super().__init__(session=session, session_owner=True)

    def send(self, request: HttpRequest, **options: object) -> HttpResponse:
        left = remaining()
        if left <= 0:
            raise ServiceRequestTimeoutError("the time for it is spent")
        connect = min(CONNECT_SECONDS, left / 3)
        options |= {"connection_timeout": connect, "read_timeout": left * _SHARE_OF_ONE}
        response: HttpResponse = super().send(request, **options)
        return response

    def sleep(self, duration: float) -> None:
        time.sleep(min(duration, remaining()))


class PatientRetry(RetryPolicy[HttpRequest, HttpResponse]):
    """azure-core's retries, but none whose pause would outlast the budget: then the answer goes back as it is."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        pause = self.get_retry_after(response) or 0
        return pause <= min(remaining(), _LONGEST_PAUSE) and bool(super().is_retry(settings, response))


class RenewableCredential:
    """A credential that can be thrown away with all its tokens: one minted before a role was granted never has it."""

    def __init__(self, make: Callable[[], TokenCredential]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._current: TokenCredential | None = None
        self._final_until = 0.0
        self.generation = 0

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - as azure-core's
        """Raises IntuneUnavailable, with what Entra says."""
        try:
            with self._lock:
                if self._current is None:
                    self._current = self._make()
                current = self._current
            return current.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            said = str(error.message).partition("\n")[0][:_SAID]
            raise IntuneUnavailable(f"no token from Entra: {said}", retry_after=60) from None
        except (AzureError, ValueError) as error:  # ValueError: msal's, for what it finds at the authority
            raise IntuneUnavailable(f"no token from Entra ({type(error).__name__})") from None

    def renew(self, generation: int) -> bool:
        """Drop the tokens of `generation`, which were refused; whether it is worth trying with new ones."""
        with self._lock:
            if generation != self.generation:
                return True  # somebody else has dropped them
            if time.monotonic() < self._final_until:
                return False
            self._current = None
            self.generation += 1
            return True

    def refused_again(self) -> None:
        """Fresh tokens were refused too: for a while a refusal is final, or Entra would be flooded."""
        self._final_until = time.monotonic() + _FINAL_SECONDS


class TokenPolicy(BearerTokenCredentialPolicy[HttpRequest, HttpResponse]):
    """azure-core's bearer tokens. After a 401 they are dropped, and the request goes once more with new ones."""

    def __init__(self, credential: RenewableCredential, scope: str) -> None:
        super().__init__(credential, scope)
        self._renewable = credential

    def send(self, request: PipelineRequest[HttpRequest]) -> Response:
        # Not the base's `send`: it clears the token under the feet of other threads.
        generation = self._renewable.generation
        self.on_request(request)
        response = self.next.send(request)
        if response.http_response.status_code != 401 or not self._renewable.renew(generation):
            return response
        self.authorize_request(request, *self._scopes)
        response = self.next.send(request)
        if response.http_response.status_code == 401:
            self._renewable.refused_again()
        return response


def pipeline(transport: BoundedTransport, credential: RenewableCredential, scope: str) -> Pipeline[Any, Any]:
    """For one audience. There is one retry, at once; if that fails too, the service may have moved."""
    policies: list[HTTPPolicy[Any, Any] | SansIOHTTPPolicy[Any, Any]] = [
        UserAgentPolicy(base_user_agent=AGENT),
        PatientRetry(retry_total=1),
        TokenPolicy(credential, scope),
        HttpLoggingPolicy(HTTP_LOG, http_logging_level=logging.DEBUG),
    ]
    return Pipeline(transport, policies)
