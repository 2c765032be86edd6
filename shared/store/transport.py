"""How requests to storage travel: one pool of connections for all clients, and an end to all waiting.

A device on the line gives up after some ten seconds and comes again, so a call that storage does not answer
ends in StoreUnavailable before that.
"""

from __future__ import annotations

from typing import Any, Final

from azure.core.pipeline.transport import RequestsTransport
from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import Retry

CONNECT_SECONDS = 2.0
READ_SECONDS = 3.0
_LONGEST_PAUSE = 1.0
_CONNECTIONS = 64

TABLE_RETRIES: Final[dict[str, Any]] = {
    "retry_total": 2,
    "retry_backoff_factor": 0.2,  # the first retry is immediate, the second after 0.4 s
    "timeout": 6,  # no further attempt after six seconds
}
STORAGE_RETRIES: Final[dict[str, Any]] = {
    "retry_total": 1,
    "initial_backoff": 0.3,
    "increment_base": 0.2,
    "random_jitter_range": 0.2,
}


class StorageTransport(RequestsTransport):  # type: ignore[misc]  # azure-core loads it lazily: Any to mypy
    """azure-core's transport over `requests`, shared by threads and clients. Timeouts are in seconds."""

    def __init__(
        self, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS
    ) -> None:
        session = Session()
        session.trust_env = False  # looking for proxies and .netrc costs a tenth of a call
        # The retry policies above this transport decide; urllib3 must not try again by itself.
        once = Retry(total=False, redirect=False, raise_on_status=False)
        adapter = HTTPAdapter(pool_connections=8, pool_maxsize=_CONNECTIONS, max_retries=once)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        super().__init__(
            session=session,
            session_owner=True,
            use_env_settings=False,
            connection_timeout=connect_seconds,
            read_timeout=read_seconds,
        )

    def sleep(self, duration: float) -> None:
        """What retry policies wait with. A Retry-After of minutes is for the asker, not for this thread."""
        super().sleep(min(duration, _LONGEST_PAUSE))
