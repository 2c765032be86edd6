"""Microsoft Graph as far as userPFXCertificate goes, on loopback: it takes what Graph takes, and gives nothing back."""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.core.credentials import AccessToken

RESOURCE = "/beta/deviceManagement/userPfxCertificates"
TOKEN = "token-of-the-tests"
_FILTER = re.compile(r"tolower\(userPrincipalName\) eq '((?:[^']|'')*)'")
_TEXTS = ("thumbprint", "userPrincipalName", "providerName", "keyName", "encryptedPfxPassword")
_TIMES = ("startDateTime", "expirationDateTime", "createdDateTime", "lastModifiedDateTime")
_VALUES = {
    "intendedPurpose": ("smimeEncryption", "smimeSigning"),
    "paddingScheme": ("oaepSha256", "oaepSha384", "oaepSha512"),
}


class Credential:
    """TokenCredential. `scopes` are those that were asked for."""

    def __init__(self, token: str = TOKEN) -> None:
        self._token, self.scopes = token, list[str]()

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._token, int(time.time()) + 3600)


@dataclass
class Graph:
    """`says` are answers to come before the right ones: status, headers, body. `pages`: how many objects a page has."""

    url: str = ""
    created: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    says: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    pages: int = 2

    def answer(self, method: str, target: str, token: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        self.asked.append(f"{method} {target}")
        if self.says:
            return self.says.pop(0)
        if token != f"Bearer {TOKEN}":
            return 401, {}, _error("InvalidAuthenticationToken", "Access token is empty.")
        parts = urlsplit(target)
        if parts.path != RESOURCE:
            return 404, {}, _error("ResourceNotFound", "Resource not found for the segment.")
        return self._create(body) if method == "POST" else self._list(parse_qs(parts.query))

    def _create(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        given = json.loads(body)
        wrong = list(_wrong(given))
        if wrong:
            return 400, {"request-id": "request-of-the-tests"}, _error("BadRequest", "; ".join(wrong))
        identifier = f"{'0' * 32}-{given['thumbprint']}"
        if any(each["id"] == identifier for each in self.created):
            return 409, {}, _error("Conflict", "It exists.")
        self.created.append(given | {"id": identifier})
        return 201, {}, _hidden(self.created[-1])

    def _list(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        named = _FILTER.fullmatch(query.get("$filter", [""])[0])
        if named is None:
            return 400, {}, _error("BadRequest", "Invalid filter clause.")
        user = named[1].replace("''", "'")
        found = [_hidden(each) for each in self.created if each["userPrincipalName"].lower() == user]
        start = int(query.get("$skip", ["0"])[0])
        page: dict[str, Any] = {"value": found[start : start + self.pages]}
        if found[start + self.pages :]:
            page["@odata.nextLink"] = (
                f"{self.url}{RESOURCE}?$filter={query['$filter'][0]}&$skip={start + self.pages}"
            )
        return 200, {}, page


def _wrong(given: dict[str, Any]) -> Iterator[str]:
    """What Graph would not take of an object."""
    expected = {"@odata.type", "encryptedPfxBlob", *_TEXTS, *_TIMES, *_VALUES}
    if given.keys() != expected:
        yield f"properties: {sorted(given.keys() ^ expected)}"
        return
    right = {
        "@odata.type": given["@odata.type"] == "#microsoft.graph.userPFXCertificate",
        **{name: isinstance(given[name], str) and bool(given[name]) for name in _TEXTS},
        **{name: datetime.fromisoformat(given[name]).tzinfo is not None for name in _TIMES},
        **{name: given[name] in values for name, values in _VALUES.items()},
        "encryptedPfxBlob": bool(b64decode(given["encryptedPfxBlob"], validate=True)),
        "the password": bool(b64decode(given["encryptedPfxPassword"], validate=True)),
        "the thumbprint": re.fullmatch("[0-9a-f]{40}", given["thumbprint"]) is not None,
    }
    yield from (name for name, holds in right.items() if not holds)


def _hidden(given: dict[str, Any]) -> dict[str, Any]:
    """As Graph gives it back."""
    return given | {"encryptedPfxBlob": "AA==", "encryptedPfxPassword": ""}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@contextmanager
def graph() -> Iterator[Graph]:
    """A Graph on a free port."""
    served = Graph()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            token = self.headers.get("authorization", "")
            status, headers, document = served.answer(self.command, self.path, token, body)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
