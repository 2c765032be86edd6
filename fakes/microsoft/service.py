"""The fake as a whole: parts behind one https server on loopback, a script of faults, and the list of all calls."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self

from fakes.microsoft.configurations import Configurations
from fakes.microsoft.directory import Directory
from fakes.microsoft.entra import CLIENT, CLIENT_SECRET, TENANT, Entra
from fakes.microsoft.faults import Code, Fault, Garbage, Hold, Lost, Reset, Slow, Status, Unrecorded
from fakes.microsoft.graph import Graph
from fakes.microsoft.managed import ManagedDevices
from fakes.microsoft.parts import Part, Refused, Reply, Request
from fakes.microsoft.principals import Principals
from fakes.microsoft.revocations import Revocations
from fakes.microsoft.scep import Scep
from fakes.microsoft.subscriptions import Subscriptions
from fakes.tls import tls_server


@dataclass(frozen=True)
class Call:
    """One call as it arrived: what it wanted ("" where nothing is), and its client-request-id."""

    act: str
    request_id: str
    request: Request

    @property
    def document(self) -> Any:
        return json.loads(self.request.body)


class FakeIntune:
    """Run it as a context. `certificate` is the file of the one that its clients have to trust."""

    def __init__(self, folder: Path) -> None:
        self.certificate, context = tls_server(folder)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.entra = Entra(self.url)
        self.graph = Graph(self.entra)
        self.scep = Scep(self.entra, self.graph)
        self.revocations = Revocations(self.entra, self.graph)
        self.directory = Directory(self.entra)
        self.managed = ManagedDevices(self.entra)
        self.parts: list[Part] = [self.entra, self.graph, self.scep, self.revocations]
        self.subscriptions = Subscriptions(self.entra, TENANT)
        self.configurations = Configurations(self.entra)
        self.principals = Principals(self.entra)
        self.parts += [self.directory, self.managed, self.subscriptions, self.configurations, self.principals]
        self.calls: list[Call] = []
        self._lock = Lock()
        self._script: defaultdict[str, deque[Fault | None]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the integration "default" with this fake; another name is a matter of replacing."""
        values = {
            "TENANT": TENANT,
            "CLIENT_ID": CLIENT,
            "CLIENT_SECRET": CLIENT_SECRET,
            "AUTHORITY": self.url,
            "GRAPH_URL": self.url,
            "GRAPH_SCOPE": f"{self.entra.graph_audience}/.default",
        }
        return {f"SCEPTER_INTUNE__DEFAULT__{name}": value for name, value in values.items()}

    def acts(self, *which: str) -> list[str]:
        """What was called, in order; only these, if any are named."""
        return [call.act for call in list(self.calls) if not which or call.act in which]

    def script(self, act: str, *faults: Fault | None) -> None:
        """What the next calls of `act` end in, one each; None is what it would be anyway."""
        with self._lock:
            self._script[act].extend(faults)

    def always(self, fault: Fault | None, *acts: str) -> None:
        """What every call of `acts` ends in until it is called with None; without acts, all of them."""
        with self._lock:
            for act in acts or ("",):
                self._always.pop(act, None)
                if fault is not None:
                    self._always[act] = fault

    def _fault(self, act: str) -> Fault | None:
        with self._lock:
            if self._script[act]:
                return self._script[act].popleft()
            return self._always.get(act) or self._always.get("")

    def _serve(self, request: Request) -> Reply | Status | Reset:
        part, act = next(((part, act) for part in self.parts if (act := part.act(request))), (None, ""))
        with self._lock:
            self.calls.append(Call(act, request.headers.get("client-request-id", ""), request))
        fault = self._fault(act)
        if isinstance(fault, Hold):
            fault.arrived.set()
            fault.gate.wait(60)
            fault = fault.then
        if isinstance(fault, Status | Reset):
            return fault
        if isinstance(fault, Garbage):
            return Status(200, body=fault.body)
        if isinstance(fault, Code):
            return Reply(200, {"code": fault.code, "errorDescription": fault.description})
        if isinstance(fault, Unrecorded):
            return Reply(200, {"value": False})
        if isinstance(fault, Slow):
            time.sleep(fault.seconds)
        reply = _answer(part, act, request)
        return Reset() if isinstance(fault, Lost) else reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024  # one packet per answer
            # Or the first answer of a connection waits 40 ms for the ACK of TLS session tickets.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = fake._serve(Request(self.command, self.path, headers, body))
                if isinstance(reply, Reset):
                    self._reset()
                elif isinstance(reply, Status):
                    self._write(reply.status, reply.body, dict(reply.headers))
                else:
                    body = b"" if reply.status == 204 else json.dumps(reply.document).encode()
                    self._write(reply.status, body, {})

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def _reset(self) -> None:
                linger = struct.pack("ii", 1, 0)  # what is not sent is thrown away, with a RST
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()

            def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _answer(part: Part | None, act: str, request: Request) -> Reply:
    if part is None:
        return Reply(404, {"error": {"code": "NotFound", "message": "nothing is here"}})
    try:
        return part.answer(act, request)
    except Refused as refused:
        return refused.reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away is its own affair."""
