"""An EST server over TLS on this machine, as RFC 7030 has it: /cacerts, /csrattrs, /simpleenroll and /simplereenroll.

None installs from PyPI or Debian, so this is ours; strongSwan's `pki --est`, a client of others, enrols and waits with
it (tests/e2e/test_outside_ca.py). The issuing is pyca's, so that nothing of what is tested is used here.
"""

from __future__ import annotations

import base64
import socket
import struct
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from tests.est.authority import Authority, Manner
from tests.est.tls import RA, server_tls

USER, PASSWORD = "scepter-ra", "the-password-of-the-ra"
PATH: Final = "/.well-known/est"


@dataclass(frozen=True)
class Says:
    """An answer instead of the right one; `issues` first, where it does."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    issues: bool = False
    slowly: float = 0.0


@dataclass(frozen=True)
class Breaks:
    """The connection is reset: `after` the certificate was issued, or before."""

    after: bool = True


class ESTServer:
    """`authority.issued` has all certificates, `calls` counts requests by path, `said` keeps their headers.

    `pending`: how often a request of a key is answered with 202 before it is served. `troubles` are used up one by one.
    """

    def __init__(self, folder: Path, *, algorithm: str = "p-256") -> None:
        self.authority = Authority.make(algorithm)
        self.trust, context, self.ra = server_tls(folder)
        self.chain = folder / "outside-chain.pem"
        self.chain.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in self.authority.chain))
        self.manner = Manner()
        self.calls: Counter[str] = Counter()
        self.said: list[dict[str, str]] = []
        self.troubles: deque[Says | Breaks] = deque()
        self.pending = 0
        self.retry_after = "1"
        self.waiting: Counter[bytes] = Counter()
        self.faults: list[Exception] = []
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.est = self
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.origin = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.origin}{PATH}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert self.faults == []

    @property
    def issued(self) -> list[x509.Certificate]:
        return self.authority.issued

    def is_known(self, request: x509.CertificateSigningRequest) -> bool:
        """Whether a certificate with the same subject and names was issued (RFC 7030 4.2.2)."""
        wanted = request.subject, _names(request)
        return any((each.subject, _names(each)) == wanted for each in self.issued)

    def must_wait(self, request: x509.CertificateSigningRequest) -> bool:
        """Whether this request is to be sent again (RFC 7030 4.2.3)."""
        with self.lock:
            key = request.public_bytes(Encoding.DER)
            self.waiting[key] += 1
            return self.waiting[key] <= self.pending


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    est: ESTServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away, or do not trust us, are no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_POST(self) -> None:
        self._guarded(self._post)

    def _guarded(self, act: object) -> None:
        try:
            act()  # type: ignore[operator]
        except OSError:
            raise
        except Exception as error:
            self.server.est.faults.append(error)
            raise

    def _get(self) -> None:
        est = self.server.est
        est.calls[self.path] += 1
        if self.path == f"{PATH}/cacerts":  # RFC 7030 4.1: nobody is asked who he is
            self._certificates(est.authority.chain)
        elif self.path == f"{PATH}/csrattrs":  # 4.5.2: nothing is wanted in particular
            self._answer(204)
        else:
            self._answer(404)

    def _post(self) -> None:
        est = self.server.est
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        est.calls[self.path] += 1
        est.said.append({name.lower(): value for name, value in self.headers.items()})
        operation = self.path.removeprefix(f"{PATH}/")
        if operation not in ("simpleenroll", "simplereenroll"):
            return self._answer(404)
        if not self._is_ra():
            return self._answer(401, {"WWW-Authenticate": 'Basic realm="est"'})
        if self.headers.get("Content-Type") != "application/pkcs10":
            return self._answer(415)
        request = _request(body)
        if request is None:
            return self._say(400, "not a certification request")
        trouble = est.troubles.popleft() if est.troubles else None
        if trouble is not None:
            return self._trouble(trouble, request)
        if operation == "simplereenroll" and not est.is_known(request):
            return self._say(403, "no such certificate to renew")
        if est.must_wait(request):
            return self._answer(202, {"Retry-After": est.retry_after})
        return self._certificates([est.authority.issue(request, est.manner)])

    def _is_ra(self) -> bool:
        """RFC 7030 3.2.3, 3.3.2: a TLS client certificate that the server knows, or HTTP Basic."""
        peer = self.connection.getpeercert()
        names = [value for rdn in (peer or {}).get("subject", ()) for _, value in rdn]
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return RA in names or self.headers.get("Authorization") == f"Basic {basic}"

    def _trouble(self, trouble: Says | Breaks, request: x509.CertificateSigningRequest) -> None:
        est = self.server.est
        if isinstance(trouble, Breaks):
            if trouble.after:
                est.authority.issue(request, est.manner)
            with socket.socket(fileno=self.connection.detach()) as bare:
                bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            raise ConnectionResetError
        if trouble.issues:
            est.authority.issue(request, est.manner)
        time.sleep(trouble.slowly)
        self._answer(trouble.status, trouble.headers, trouble.body)

    def _certificates(self, certificates: list[x509.Certificate]) -> None:
        """RFC 7030 4.1.3, 4.2.3: a certs-only CMC simple PKI response, in base64 (RFC 8951 3)."""
        body = base64.b64encode(serialize_certificates(certificates, Encoding.DER))
        kind = "application/pkcs7-mime; smime-type=certs-only"
        self._answer(200, {"Content-Type": kind, "Content-Transfer-Encoding": "base64"}, body)

    def _say(self, status: int, words: str) -> None:
        self._answer(status, {"Content-Type": "text/plain"}, words.encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Silent."""


def _request(body: bytes) -> x509.CertificateSigningRequest | None:
    try:
        request = x509.load_der_x509_csr(base64.b64decode(body))
    except ValueError:
        return None
    return request if request.is_signature_valid else None


def _names(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    try:
        return holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes()
    except x509.ExtensionNotFound:
        return b""
