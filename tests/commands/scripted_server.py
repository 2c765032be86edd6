"""A SCEP server that does as it is told: right by default, over a CA in memory, wrong where a test says so."""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from shared.asn1 import oids, writer
from shared.cms.signing import sign_message
from shared.scep.capabilities import ca_certificates, capabilities
from shared.scep.message import MessageType, PKIMessage, ReplyContext, success
from tests.scep.authority import World


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    body: bytes = b""
    media_type: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ScriptedServer:
    """Serves the profile "device" of `world` at `url`. `says` replaces the answer to an operation; `pending` is how
    many messages are put off, the first one with them, before the certificate comes."""

    world: World
    says: dict[str, Callable[[bytes], Answer]] = field(default_factory=dict)
    pending: int = 0
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    _waiting: bytes = b""

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        query = {name.lower(): found[0] for name, found in parse_qs(urlsplit(target).query).items()}
        operation = query.get("operation", "")
        self.asked.append((method, operation))
        if operation == "PKIOperation" and method == "GET":
            body = base64.b64decode(query["message"], validate=True)
        usual = {"GetCACaps": self._caps, "GetCACert": self._certificates, "PKIOperation": self._operation}
        return (self.says.get(operation) or usual[operation])(body)

    def _caps(self, _: bytes) -> Answer:
        return Answer(capabilities(allow_legacy=True).encode(), "text/plain")

    def _certificates(self, _: bytes) -> Answer:
        bundle = ca_certificates(self.world.ra, self.world.issuer, with_root=True)
        return Answer(bundle, "application/x-x509-ca-ra-cert")

    def _operation(self, body: bytes) -> Answer:
        message = PKIMessage.parse(body)
        context = ReplyContext(message, self.world.ra, "sha256", secrets.token_bytes(16))
        self._waiting = self._waiting or body
        if self.pending:
            self.pending -= 1
            return _reply(_status(context, "3"))
        if message.message_type == MessageType.CERT_POLL:
            self._serve(self._waiting)
            records = list(self.world.store.records(self.world.issuer.id))
            return _reply(success(context, [records[-1].certificate or b""], cipher="aes-256-cbc"))
        return _reply(self._serve(body))

    def _serve(self, body: bytes) -> bytes:
        return self.world.service.pki_operation(body, self.world.profile(), now=self.world.now)


def _reply(body: bytes) -> Answer:
    return Answer(body, "application/x-pki-message")


def _status(context: ReplyContext, status: str) -> bytes:
    """A CertRep of nothing but a status."""
    attributes = [
        (oids.SCEP_TRANSACTION_ID, writer.printable_string(context.message.transaction_id)),
        (oids.SCEP_MESSAGE_TYPE, writer.printable_string("3")),
        (oids.SCEP_PKI_STATUS, writer.printable_string(status)),
        (oids.SCEP_RECIPIENT_NONCE, writer.octet_string(context.message.sender_nonce or b"")),
    ]
    return sign_message(None, attributes, certificate=context.ra.certificate.der, key=context.ra.key)


@contextmanager
def serving(server: ScriptedServer, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """`server` on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = server.answer(
                self.command, self.path, self.rfile.read(int(self.headers.get("Content-Length", 0)))
            )
            self.send_response(answer.status)
            for name, value in {"Content-Type": answer.media_type, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        if tls:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}/scep"
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
