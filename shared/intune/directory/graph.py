"""Graph through msgraph-sdk: the client, and what its errors mean. With `reader` and `pages` the only user of the SDK,
whose import costs half a second: nothing else may import these three."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from kiota_abstractions.api_error import APIError
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph_core import GraphClientFactory
from requests import Session

from shared.errors import IntuneUnavailable
from shared.intune.credential import credential_of
from shared.intune.directory.objects import PermissionMissing
from shared.intune.pipeline import BoundedTransport, RenewableCredential
from shared.intune.tenant import Tenant

log = logging.getLogger("scepter.directory")

SECONDS: Final = 200.0
"""For one whole reading; the platform ends a run after five minutes."""
_TIMEOUT: Final = httpx.Timeout(30, connect=5)

Result = TypeVar("Result")


class Graph:
    """Graph for one tenant, as the identity that the tenant's settings name. Make one for each round: a credential that
    was kept would keep tokens from before a permission was granted. Use it as a context."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._transport = BoundedTransport()  # of the credential
        self._credential = RenewableCredential(lambda: credential_of(tenant, self._transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def run(self, act: Callable[[GraphServiceClient], Awaitable[Result]]) -> Result:
        """What `act` makes with a client. Raises IntuneUnavailable."""
        return asyncio.run(self._run(act))

    async def _run(self, act: Callable[[GraphServiceClient], Awaitable[Result]]) -> Result:
        connections = httpx.AsyncClient(timeout=_TIMEOUT, verify=_trust(self.tenant.graph_url))
        # The SDK puts transports of its own in place of these, and then nobody closes them.
        inner = [connections._transport, *filter(None, connections._mounts.values())]
        try:
            client = GraphServiceClient(request_adapter=self._adapter(connections))
            return await asyncio.wait_for(act(client), SECONDS)
        except TimeoutError:
            raise IntuneUnavailable(f"Graph did not answer within {SECONDS:.0f} s") from None
        finally:
            for each in inner:
                await each.aclose()
            await connections.aclose()

    def _adapter(self, connections: httpx.AsyncClient) -> GraphRequestAdapter:
        tenant = self.tenant
        host = urlsplit(tenant.graph_url).hostname or ""
        provider = AzureIdentityAuthenticationProvider(
            self._credential, scopes=[tenant.scope_of_graph], allowed_hosts=[host]
        )
        client = GraphClientFactory.create_with_default_middleware(client=connections)
        adapter = GraphRequestAdapter(provider, client)
        adapter.base_url = f"{tenant.graph_url}/{tenant.graph_version}"
        return adapter


def translated(error: Exception, what: str, permission: str) -> IntuneUnavailable:
    """What an error of the SDK means; `what` was asked for, which takes `permission`."""
    if isinstance(error, IntuneUnavailable):
        return error
    if isinstance(error, APIError):
        status = error.response_status_code
        if status == 403:
            return PermissionMissing(
                f"Graph refuses {what} (403): the identity lacks the permission {permission}"
            )
        return IntuneUnavailable(f"Graph answers {what} with HTTP {status}")
    if isinstance(error, httpx.HTTPError):
        return IntuneUnavailable(f"Graph cannot be reached for {what} ({type(error).__name__})")
    log.warning("Graph: %s", what, exc_info=error)
    return IntuneUnavailable(f"Graph's answer to {what} cannot be read ({type(error).__name__})")


def _trust(url: str) -> ssl.SSLContext | bool:
    """Whom to trust: what the environment says to `requests`, which all other calls go through."""
    with Session() as session:
        bundle = session.merge_environment_settings(url, {}, None, None, None)["verify"]
    if not isinstance(bundle, str):
        return True
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)
