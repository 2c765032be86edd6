"""A server that knows no HTTP: it reads a request, says the bytes it was told to say, and notes what it saw."""

from __future__ import annotations

import re
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

HANG_UP = b""
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Line:
    """`answers` in turn, HANG_UP closing the connection; `requests` as they came, `connections` as they were made."""

    answers: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """A whole response."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@contextmanager
def serving(*answers: bytes, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    """A line on a free port of the loopback interface."""
    line = Line(list(answers))

    class Handler(socketserver.StreamRequestHandler):
        def _head(self) -> bytes:
            """Lines up to an empty one; nothing at the end of the connection, where readline gives nothing for ever."""
            lines = []
            while (read := self.rfile.readline()) not in (b"\r\n", b""):
                lines.append(read)
            return b"".join(lines)

        def handle(self) -> None:
            line.connections += 1
            while head := self._head():
                length = _LENGTH.search(head)
                line.requests.append(head + b"\r\n" + self.rfile.read(int(length[1]) if length else 0))
                said = line.answers.pop(0)
                if said == HANG_UP:
                    return
                self.wfile.write(said)
                if said.endswith(b"..."):  # cut short
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """A client that went away is its own affair."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        line.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield line
        finally:
            server.shutdown()
            thread.join()
