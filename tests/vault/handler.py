"""HTTP/1.1 for the fake vault: each answer in one packet, or late, or not at all."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from tests.vault.answers import Answer
from tests.vault.trouble import Raw, Replaces, Reset, Slow, Trouble


class Service(Protocol):
    """What answers."""

    def serve(
        self, method: str, target: str, authorization: str, body: bytes
    ) -> tuple[Answer, Trouble | None]:
        """The answer, and what is to go wrong with it."""


class Server(ThreadingHTTPServer):
    """Hands `service` to its handlers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are no news."""


class Handler(BaseHTTPRequestHandler):
    """Each request in turn, on a connection that stays open."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # an answer in one packet, or each call waits for the one before: 44 ms
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization", "")
        answer, trouble = self.server.service.serve(self.command, self.path, authorization, body)
        if isinstance(trouble, Slow):
            time.sleep(trouble.seconds)
        if isinstance(trouble, Reset):
            self._reset()
        elif isinstance(trouble, Raw):
            self._write(Answer(200, trouble.body))
        elif isinstance(trouble, Replaces) and isinstance(answer.body, Mapping):
            self._write(Answer(answer.status, {**answer.body, **trouble.members}, answer.headers))
        else:
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b""
        if isinstance(answer.body, Mapping):
            body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("x-ms-keyvault-region", "westeurope")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _reset(self) -> None:
        """RST instead of an answer."""
        with socket.socket(fileno=self.connection.detach()) as bare:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return  # it was reset

    def log_message(self, *_: object) -> None:
        """Silent."""
