"""How requests to vaults travel: one pool of connections for all clients of a process."""

from __future__ import annotations

from typing import Final

from azure.core.pipeline.transport import RequestsTransport
from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import Retry

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 3.0
_CONNECTIONS: Final = 64


class VaultTransport(RequestsTransport):  # type: ignore[misc]  # azure-core loads it lazily: Any to mypy
    """azure-core's transport over `requests`, shared by threads. `trust` is a file of other roots than the usual."""

    def __init__(self, *, trust: str = "") -> None:
        session = Session()
        session.trust_env = False  # looking for proxies and .netrc costs a tenth of a call
        once = Retry(total=False, redirect=False, raise_on_status=False)  # vault_client.py decides
        session.mount("https://", HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=once))
        super().__init__(
            session=session,
            session_owner=True,
            use_env_settings=False,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            connection_verify=trust or True,
        )
