"""How requests to storage travel: azure-core's transport over urllib3, one set of connections for all clients, and an
end to all waiting.

A device on the line gives up after some ten seconds and comes again, so a call that storage does not answer
ends in StoreUnavailable before that. azure-core's own transport, over `requests`, costs half as much again per call.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import cached_property
from threading import Lock
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import certifi
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse

# Not public, but what azure-core's own transports and those beside it build on; storage's SDKs want more than the
# public HttpResponse promises.
from azure.core.rest._http_response_impl import HttpResponseImpl
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

CONNECT_SECONDS = 2.0
READ_SECONDS = 3.0
_LONGEST_PAUSE = 1.0
_CONNECTIONS = 64
_PIECE = 1024 * 1024

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


class StorageTransport(HttpTransport[HttpRequest, HttpResponse]):
    """Shared by threads and clients. Timeouts are in seconds. Bodies are read whole: none is too long for that.

    Neither proxies nor .netrc are looked for in the environment.
    """

    def __init__(
        self, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS
    ) -> None:
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}
        self._lock = Lock()

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:  # noqa: ANN401 - as azure-core's
        """One attempt; the retry policies above decide about others. Raises AzureError when no answer came.

        Of the `options`, `connection_timeout` and `read_timeout` replace the transport's own for this call.
        """
        url, headers, body = urlsplit(request.url), dict(request.headers), request.content
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, bytes):
            headers["Content-Length"] = str(len(body))  # azure-core counts the characters of a str
        timeout = Timeout(
            connect=options.get("connection_timeout", self._connect_seconds),
            read=options.get("read_timeout", self._read_seconds),
        )
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        try:
            answer = self._pool(url).urlopen(
                request.method, target, body=body, headers=headers, retries=False, timeout=timeout
            )
        except HTTPError as error:
            raise _translate(error) from error
        return _Answer(request, answer)

    def open(self) -> None:
        """Connections are made when they are needed."""

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def sleep(self, duration: float) -> None:
        """What retry policies wait with. A Retry-After of minutes is for the asker, not for this thread."""
        super().sleep(min(duration, _LONGEST_PAUSE))

    def _pool(self, url: SplitResult) -> HTTPConnectionPool:
        """The connections to a host: one for each service of an account."""
        with self._lock:
            pool = self._pools.get((url.scheme, url.netloc))
            if pool is None:
                host = url.hostname or ""
                if url.scheme == "https":
                    pool = HTTPSConnectionPool(host, url.port, maxsize=_CONNECTIONS, ssl_context=self._tls)
                else:
                    pool = HTTPConnectionPool(host, url.port, maxsize=_CONNECTIONS)
                self._pools[url.scheme, url.netloc] = pool
            return pool

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """One for all connections: reading the certificates of the world's CAs costs more than ten calls."""
        return ssl.create_default_context(cafile=certifi.where())


class _Answer(HttpResponseImpl):
    """An answer that has been read."""

    def __init__(self, request: HttpRequest, answer: BaseHTTPResponse) -> None:
        super().__init__(
            request=request,
            internal_response=answer,
            block_size=_PIECE,
            status_code=answer.status,
            reason=answer.reason,
            content_type=answer.headers.get("Content-Type"),
            headers=answer.headers,
            stream_download_generator=_Pieces,
        )
        self._content = answer.data


class _Pieces:
    """The content again, as azure-core streams it. An object of its own: the blob SDK pins properties to it."""

    def __init__(self, pipeline: object, response: _Answer, **_: object) -> None:
        self.response, self.content_length = response, len(response.content)

    def __iter__(self) -> Iterator[bytes]:
        content = self.response.content
        return (content[at : at + _PIECE] for at in range(0, len(content), _PIECE))


def _translate(error: HTTPError) -> AzureError:
    """Whether the request may have reached storage decides which policies try again."""
    kinds: dict[type[HTTPError], type[AzureError]] = {
        ConnectTimeoutError: ServiceRequestTimeoutError,
        NewConnectionError: ServiceRequestError,
        SSLError: ServiceRequestError,
        ReadTimeoutError: ServiceResponseTimeoutError,
        HTTPError: ServiceResponseError,
    }
    return next(made for kind, made in kinds.items() if isinstance(error, kind))(error, error=error)
