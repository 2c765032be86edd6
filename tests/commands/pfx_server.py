"""The triggers of imported PFX behind a real HTTP server on loopback, for the command line to speak to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

from functions import parcels
from functions.answers import text
from shared import wiring
from tests.functions.application import call
from tests.functions.imported import PFXApplication

ROUTES = {
    ("GET", "/manage/import-keys"): parcels.list_import_keys,
    ("GET", "/manage/parcels"): parcels.list_parcels,
    ("POST", "/manage/parcels"): parcels.import_parcel,
    ("DELETE", "/manage/parcels"): parcels.remove_parcel,
    ("POST", "/manage/parcels/rekey"): parcels.rekey_parcels,
    ("GET", "/manage/pfx-requests"): parcels.list_pfx_requests,
}


class Served:
    """`app` at `url`. After `most` imports the server is away."""

    def __init__(self, app: PFXApplication, url: str) -> None:
        self.app, self.url, self.asked = app, url, list[str]()
        self.most = 10**9

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> func.HttpResponse:
        parts = urlsplit(target)
        self.asked.append(f"{method} {parts.path}")
        if self.asked.count("POST /manage/parcels") > self.most:
            return text(503, "Away.")
        trigger = ROUTES.get((method, parts.path))
        if trigger is None:
            return text(404, "No such page.")
        params = dict(parse_qsl(parts.query))
        url = f"{self.url}{target}"
        asked = func.HttpRequest(
            method=method, url=url, headers=headers, params=params, route_params={}, body=body
        )
        return call(trigger, asked)


@contextmanager
def serving(app: PFXApplication) -> Iterator[Served]:
    """`app` on a free port."""
    served = Served(app, "")

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = served.answer(self.command, self.path, headers, body)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.get_body())))
            self.end_headers()
            self.wfile.write(answer.get_body())

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    wiring.use(app)
    try:
        yield served
    finally:
        wiring.use(None)
        server.shutdown()
        server.server_close()
        thread.join()
