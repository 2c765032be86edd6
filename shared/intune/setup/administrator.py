"""Graph as the administrator who sets a tenant up, not as the app: whoever is signed in at this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.intune.wire import Wire

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.intune.pipeline import BoundedTransport
    from shared.intune.tenant import Tenant


@contextmanager
def as_administrator(tenant: Tenant) -> Iterator[Wire]:
    """Connections as the identity of AZURE_TENANT_ID, AZURE_CLIENT_ID and so on, else of `az login`."""
    wire = Wire(tenant, _credential)
    try:
        yield wire
    finally:
        wire.close()


def _credential(transport: BoundedTransport) -> TokenCredential:
    from azure.identity import AzureCliCredential, ChainedTokenCredential, EnvironmentCredential

    by_environment = EnvironmentCredential(transport=transport, disable_instance_discovery=True)
    return ChainedTokenCredential(by_environment, AzureCliCredential())
