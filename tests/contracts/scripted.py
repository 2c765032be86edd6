"""A storage service that says what it is told to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self


@dataclass(frozen=True)
class Answer:
    """One response, with storage's error code where table, blob and queue service put it."""

    status: int
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    code_in_header: bool = True


class ScriptedStorage:
    """Gives its answers in turn; the last one for ever after. `requests` counts."""

    def __init__(self) -> None:
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024  # one packet per answer
            disable_nagle_algorithm = True

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):
                    return self._answer
                raise AttributeError(name)

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                storage.requests += 1
                given = storage._answers.pop(0) if len(storage._answers) > 1 else storage._answers[0]
                self._write(given)

            def _write(self, given: Answer) -> None:
                body = f'{{"odata.error":{{"code":"{given.code}","message":{{"value":"as told"}}}}}}'.encode()
                body = body if given.code else b""
                self.send_response(given.status)
                if given.code and given.code_in_header:
                    self.send_header("x-ms-error-code", given.code)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json;odata=minimalmetadata")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._answers: list[Answer] = []
        self.requests = 0
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def answers(self, answers: list[Answer]) -> None:
        """What to say from now on."""
        self._answers = list(answers)
        self.requests = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that went away is its own affair."""
