"""HTTP over TLS to an EST server (RFC 7030 3.2, 3.3): its certificate checked, ours shown, the answer bounded."""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import certifi
from requests import Response, Session
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.exceptions import ConnectionError as ConnectionFailed
from requests.exceptions import ConnectTimeout, RequestException, SSLError
from urllib3.exceptions import HTTPError, NewConnectionError

from shared.ca.ports import AdapterSettings, OutcomeUnknown
from shared.errors import IssuerUnavailable

_CONNECT_SECONDS: Final = 4.0
_LARGEST: Final = 256 * 1024
_CONNECTIONS: Final = 32
log = logging.getLogger("scepter.outside")


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server said."""

    status: int
    media_type: str
    retry_after: str
    body: bytes


class ESTTransport:
    """One pool of connections for all threads."""

    def __init__(self, settings: AdapterSettings) -> None:
        if not settings.url.startswith("https://"):
            raise ValueError("an EST server is asked over https")
        self._url, self._seconds = settings.url.rstrip("/"), settings.seconds
        self._session = Session()
        self._session.trust_env = False  # no proxies, no .netrc: credentials go where the settings say
        self._session.mount("https://", _Adapter(_tls(settings)))
        if settings.username:
            self._session.auth = HTTPBasicAuth(settings.username.encode(), settings.password.encode())

    def call(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """One request. Raises IssuerUnavailable (nothing was sent), OutcomeUnknown."""
        deadline = time.monotonic() + self._seconds
        try:
            with self._session.request(
                method,
                f"{self._url}/{path}",
                data=body,
                headers=dict(headers),
                timeout=(min(_CONNECT_SECONDS, self._seconds), self._seconds),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return _read(answer, deadline)
        except (RequestException, HTTPError) as error:
            # The words of the libraries name URLs, which may hold credentials; their kind is enough.
            kind = type(error).__name__
            if _never_sent(error):
                raise IssuerUnavailable(f"the outside CA cannot be reached ({kind})") from None
            raise OutcomeUnknown(f"the outside CA did not answer in time, or not whole ({kind})") from None


class _Adapter(HTTPAdapter):
    """Our TLS context, and no retries: whoever asks knows best whether it may be asked twice."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as in requests
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as in requests
        """Nothing of requests' own: the context has the roots, and the certificate."""
        conn.cert_reqs, conn.ca_certs = "CERT_REQUIRED", None


def _tls(settings: AdapterSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(settings.trust) if settings.trust else certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.client_certificate:
        _load(context, settings.client_certificate)
    return context


def _load(context: ssl.SSLContext, pem: str) -> None:
    """Certificate and key out of one text; `ssl` reads files only. ValueError, which quotes nothing."""
    descriptor, name = tempfile.mkstemp(prefix="scepter-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(pem)
        context.load_cert_chain(name)
    except (OSError, ValueError):
        raise ValueError("the client certificate is not a certificate with its key in PEM") from None
    finally:
        Path(name).unlink()


def _read(answer: Response, deadline: float) -> Answered:
    """Raises OutcomeUnknown for an answer that is too long, or comes too slowly."""
    body = bytearray()
    for piece in answer.iter_content(16 * 1024):
        body += piece
        if len(body) > _LARGEST or time.monotonic() > deadline:
            raise OutcomeUnknown("the outside CA's answer is too long, or comes too slowly")
    headers = answer.headers
    return Answered(
        answer.status_code, headers.get("Content-Type", ""), headers.get("Retry-After", ""), bytes(body)
    )


def _never_sent(error: RequestException | HTTPError) -> bool:
    """Whether the request certainly did not reach the server: no connection, or no handshake with it."""
    if isinstance(error, ConnectTimeout | SSLError):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(error, ConnectionFailed) and isinstance(reason, NewConnectionError)
