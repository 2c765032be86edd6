"""A Key Vault over TLS on this machine, as its REST API (api-version 7.x and 2025-07-01) has it: see docs/keys.md.

`python -m tests.vault.server FOLDER` serves one until it is interrupted, and prints what a client needs to know.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from azure.keyvault.keys._shared import http_challenge_cache as keys_challenges
from azure.keyvault.secrets._shared import http_challenge_cache as secrets_challenges

from tests.vault.answers import Answer, Refusal, bad
from tests.vault.credential import AUDIENCE, TENANT, principal_of
from tests.vault.handler import Server
from tests.vault.keys import Keys
from tests.vault.limiter import Limiter
from tests.vault.secrets import Secrets
from tests.vault.tls import tls_server
from tests.vault.trouble import Reset, Says, Trouble

API_VERSIONS = {"2026-04-01", "2025-07-01", "2016-10-01", *(f"7.{minor}" for minor in range(7))}
_OBJECT = r"/(?P<kind>keys|secrets)/(?P<name>[0-9a-zA-Z-]{1,127})"
_VERSION = r"/(?P<version>[0-9a-f]{32})"
_OPERATION = r"/(?P<operation>sign|verify|encrypt|decrypt|wrapkey|unwrapkey)"
_ROUTES = [
    ("GET", re.compile(r"/(?P<kind>keys|secrets)(?P<name>)"), "list all"),
    ("POST", re.compile(rf"{_OBJECT}/create"), "create"),
    ("POST", re.compile(rf"{_OBJECT}/rotate"), "rotate"),
    ("POST", re.compile(rf"{_OBJECT}{_VERSION}{_OPERATION}"), "operate"),
    ("PUT", re.compile(_OBJECT), "set"),
    ("PATCH", re.compile(rf"{_OBJECT}{_VERSION}"), "update"),
    ("GET", re.compile(rf"{_OBJECT}/versions"), "list"),
    ("GET", re.compile(rf"{_OBJECT}(/|{_VERSION})?"), "get"),
    ("DELETE", re.compile(_OBJECT), "delete"),
    ("GET", re.compile(_OBJECT.replace("/(", "/deleted(", 1)), "get deleted"),
    ("POST", re.compile(_OBJECT.replace("/(", "/deleted(", 1) + "/recover"), "recover"),
    ("DELETE", re.compile(_OBJECT.replace("/(", "/deleted(", 1)), "purge"),
]


class FakeVault:
    """`calls` counts what was asked by whoever was let in, such as "keys/sign"; `challenges` counts 401s.

    `denied` holds (principal, operation) that get 403. With a `limiter` there is 429 in earnest.
    """

    def __init__(self, folder: Path) -> None:
        self.trust, context = tls_server(folder)
        self._server = Server(self)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.keys, self.secrets = Keys(self.url), Secrets(self.url)
        self.calls: Counter[str] = Counter()
        self.challenges = 0
        self.faults: list[Exception] = []
        self.denied: set[tuple[str, str]] = set()
        self.limiter: Limiter | None = None
        self._troubles: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._lock = Lock()

    def __enter__(self) -> Self:
        # Microsoft's clients remember challenges by host and port, and ports come again.
        keys_challenges.clear()
        secrets_challenges.clear()
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert self.faults == []

    def script(self, operation: str, *troubles: Trouble, times: int = 1) -> None:
        """What happens to the next calls of `operation`, one each."""
        with self._lock:
            self._troubles[operation].extend(troubles * times)

    def forget_scripts(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._troubles.clear()

    def serve(
        self, method: str, target: str, authorization: str, body: bytes
    ) -> tuple[Answer, Trouble | None]:
        """The answer, and what is to go wrong with it."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        try:
            principal = self._let_in(authorization, query.get("api-version", ""))
            return self._route(method, parts.path, query, principal, body)
        except Refusal as refusal:
            return refusal.answer, None
        except Exception as error:
            self.faults.append(error)
            raise

    def _let_in(self, authorization: str, version: str) -> str:
        """Who asks. Raises Refusal for who shows no token, or speaks another version of the API."""
        principal = principal_of(authorization)
        if principal is None:
            raise self._challenge()
        if version not in API_VERSIONS:
            raise bad(f"The specified version ({version}) is not recognized.")
        return principal

    def _challenge(self) -> Refusal:
        with self._lock:
            self.challenges += 1
        header = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{AUDIENCE}"'
        message = "AKV10000: Request is missing a Bearer or PoP token."
        return Refusal(401, "Unauthorized", message, headers={"WWW-Authenticate": header})

    def _route(
        self, method: str, path: str, query: Mapping[str, str], principal: str, body: bytes
    ) -> tuple[Answer, Trouble | None]:
        for verb, pattern, act in _ROUTES:
            found = pattern.fullmatch(path)
            if verb == method and found:
                operation = f"{found['kind']}/{found.groupdict().get('operation') or act}"
                trouble = self._admit(operation, found["name"], principal)
                if isinstance(trouble, Says):
                    raise _said(trouble)
                if isinstance(trouble, Reset) and not trouble.after:
                    return Answer(204), trouble
                return self._act(act, found.groupdict(), query, _document(body)), trouble
        raise Refusal(404, "BadRequest", "There is no such resource.")

    def _admit(self, operation: str, name: str, principal: str) -> Trouble | None:
        """What is to go wrong. Raises Refusal for who may not, and beyond the limit."""
        with self._lock:
            self.calls[operation] += 1
            waiting = self._troubles[operation]
            trouble = waiting.popleft() if waiting else None
        if (principal, operation) in self.denied:
            message = f"Caller is not authorized to perform action {operation!r} on resource {name!r}."
            raise Refusal(403, "Forbidden", message, "ForbiddenByRbac")
        pause = self.limiter.admit() if self.limiter and not operation.endswith("/create") else 0
        if pause:
            message = "Request was not processed because too many requests were received. "
            message += "Reason: VaultRequestTypeLimitReached"
            raise Refusal(429, "Throttled", message, headers={"Retry-After": str(pause)})
        return trouble

    def _act(
        self, act: str, found: Mapping[str, str | None], query: Mapping[str, str], body: dict[str, Any]
    ) -> Answer:
        name, version = str(found["name"]), found.get("version") or ""
        shelf: Keys | Secrets = self.keys if found["kind"] == "keys" else self.secrets
        simple: dict[str, Callable[[], Answer]] = {
            "get": lambda: shelf.get(name, version, body),
            "list all": lambda: shelf.list_all(query),
            "list": lambda: shelf.list_versions(name, query),
            "update": lambda: shelf.update(name, version, body),
            "delete": lambda: (shelf.delete(name), Answer(200, shelf.describe_deleted(name)))[1],
            "get deleted": lambda: Answer(200, shelf.describe_deleted(name)),
            "recover": lambda: (shelf.recover(name), shelf.get(name, "", body))[1],
            "purge": lambda: (shelf.purge(name), Answer(204))[1],
        }
        if act in simple:
            return simple[act]()
        if isinstance(shelf, Secrets):
            return shelf.set(name, body)
        if act == "operate":
            return shelf.operate(name, version, str(found["operation"]), body)
        return shelf.rotate(name, body) if act == "rotate" else shelf.create(name, body)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        raise bad("The request body is not JSON.") from None
    if not isinstance(document, dict):
        raise bad("The request body is not an object.")
    return document


def _said(trouble: Says) -> Refusal:
    headers = {"Retry-After": trouble.retry_after} if trouble.retry_after else {}
    return Refusal(trouble.status, trouble.code, "as told", trouble.inner, headers)


def main(folder: Path) -> None:
    """Serve until interrupted."""
    with FakeVault(folder) as vault:
        sys.stdout.write(json.dumps({"url": vault.url, "trust": str(vault.trust), "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
