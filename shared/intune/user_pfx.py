"""userPFXCertificate in Microsoft Graph (beta): what an Intune connector delivers. For the command line.

Graph takes a PFX and a sealed password, and never gives either back. azure-core is enough for three calls; the SDK of
Graph's beta is very large, and the one of v1.0 does not know them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    RequestIdPolicy,
    RetryPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse

from shared.errors import ChallengeRejected, IntuneUnavailable, PolicyViolation, RequestError

GRAPH: Final = "https://graph.microsoft.com"
PERMISSIONS: Final = "DeviceManagementConfiguration.ReadWrite.All"
_RESOURCE: Final = "/beta/deviceManagement/userPfxCertificates"
_MOST_PAGES: Final = 1000
_METHODS: Final = frozenset({"GET", "POST"})


class UserPFXCertificates:
    """`url` is Graph's base, which differs in national clouds. Where Graph throttles, it is waited for as it says."""

    def __init__(self, credential: TokenCredential, url: str = GRAPH, retries: int = 6) -> None:
        self._url, base = url.rstrip("/"), urlsplit(url)
        # A token is sent in clear to nobody but a process on this machine.
        self._clear = base.scheme == "http" and base.hostname in ("127.0.0.1", "localhost")
        token = BearerTokenCredentialPolicy(credential, f"{self._url}/.default")
        retry = RetryPolicy(retry_total=retries)
        policies = [RequestIdPolicy(), HeadersPolicy(), UserAgentPolicy("scepter"), retry, token]
        self._client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(url, policies=policies)

    def create(self, certificate: Mapping[str, object]) -> str:
        """The id of what was created. Raises RequestError with Graph's own words, IntuneUnavailable."""
        answer = self._send(HttpRequest("POST", f"{self._url}{_RESOURCE}", json=dict(certificate)))
        return str(_json(answer).get("id", ""))

    def thumbprints(self, user: str) -> set[str]:
        """What is there of a user, lower-case hexadecimal."""
        wanted = user.lower().replace("'", "''")  # OData's way to write it in a text
        query = quote(f"tolower(userPrincipalName) eq '{wanted}'", safe="")
        url = f"{self._url}{_RESOURCE}?$filter={query}"
        return {str(each.get("thumbprint", "")).lower() for each in self._listed(url)}

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def _listed(self, url: str) -> Iterator[Mapping[str, Any]]:
        for _ in range(_MOST_PAGES):
            page = _json(self._send(HttpRequest("GET", url)))
            yield from page.get("value", [])
            url = page.get("@odata.nextLink", "")
            if not url:
                return
            if not url.startswith(f"{self._url}/"):  # the token is not for others
                break
        raise IntuneUnavailable("Graph lists more pages than there can be, or somewhere else")

    def _send(self, request: HttpRequest) -> HttpResponse:
        try:
            answer = self._client.send_request(
                request, enforce_https=not self._clear, retry_on_methods=_METHODS
            )
        except ClientAuthenticationError as error:
            raise ChallengeRejected(f"no token for Graph: {_first_line(error)}") from None
        except AzureError as error:
            raise IntuneUnavailable(f"Graph cannot be reached: {_first_line(error)}") from None
        if answer.status_code >= 400:
            raise _refusal(request, answer)
        return answer


def _refusal(request: HttpRequest, answer: HttpResponse) -> RequestError | IntuneUnavailable:
    identifier = answer.headers.get("request-id", "none")
    told = f"Graph: {request.method}: {answer.status_code} {_message(answer)} (request-id {identifier})"
    if answer.status_code == 403:
        return PolicyViolation(f"{told}; the permission {PERMISSIONS} is needed")
    if answer.status_code == 429 or answer.status_code >= 500:
        return IntuneUnavailable(told)
    return RequestError(told)


def _message(answer: HttpResponse) -> str:
    try:
        return str(json.loads(answer.text())["error"]["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return "without a word"


def _json(answer: HttpResponse) -> dict[str, Any]:
    try:
        body = json.loads(answer.text() or "{}")
    except ValueError:
        raise IntuneUnavailable("Graph answers with something that is not JSON") from None
    return body if isinstance(body, dict) else {}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
