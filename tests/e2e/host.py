"""A host of the function app as a child process: asked over HTTP, stopped, and nothing left behind."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from commands.challenge import order_challenge
from shared.cms.signing import parse_degenerate
from shared.x509.certificate import Certificate
from tests.e2e.forked import Forked
from tests.e2e.lint import Served

if TYPE_CHECKING:
    from tests.e2e.site import Site

PATIENCE = 40.0


@dataclass
class Host:
    """A running host of `site`."""

    site: Site
    process: Forked
    ready: Path
    killed: bool = False
    blob_url: str = ""
    served: Served = field(default_factory=Served)
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        hooks = {"response": [self.served.note]}
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, event_hooks=hooks)

    @property
    def url(self) -> str:
        return self.site.url

    def manage(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """The management API's JSON answer, asked with the site's key."""
        headers = {"x-scepter-key": self.site.values["SCEPTER_MANAGEMENT_KEY"]}
        answer = self.http.request(method, f"/manage/{path}", json=body, params=query, headers=headers)
        return answer.raise_for_status().json()

    @cached_property
    def ra(self) -> Certificate:
        """The RA certificate that GetCACert offers."""
        answer = self.http.get("/scep/device", params={"operation": "GetCACert"})
        certificates, _ = parse_degenerate(answer.raise_for_status().content)
        return next(found for found in map(Certificate.from_der, certificates) if not found.is_ca)

    def scep(self, profile: str = "device") -> str:
        """The SCEP URL of a profile."""
        return f"{self.url}/scep/{profile}"

    def challenge(self, subject: str, *, profile: str = "device", **order: object) -> str:
        """A sealed challenge, ordered over HTTP by the caller "demo"."""
        secret = self.site.values["SCEPTER_CALLER_SECRETS__DEMO"]
        order = {"profile": profile, "subject": subject, **order}
        return order_challenge(self.url, secret, order)["challenge"]

    def records(self, **query: str) -> list[dict[str, Any]]:
        """The inventory, up to 1000 rows."""
        query = {"limit": "1000", **query}
        found: list[dict[str, Any]] = self.manage("GET", "certificates", **query)["certificates"]
        return found

    def revoke(self, serial: str, reason: str = "keyCompromise", *, publish: bool = True) -> None:
        """Revoke, and publish the CRL at once unless told otherwise."""
        self.manage("PUT", f"certificates/{serial}/revocation", {"reason": reason})
        if publish:
            self.manage("POST", "crl")

    def output(self) -> str:
        """The log of all hosts of the site."""
        return self.site.output.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        """Until it serves and has published its CRL, which it does at its start."""
        self._await(self.ready.exists)
        self.blob_url = json.loads(self.ready.read_text())["blob_url"]
        self._await(lambda: self.http.get(f"/crl/{self.site.issuer}.crl").status_code == 200)

    def wait_until_killed(self) -> None:
        """Until the host has ended by SIGKILL."""
        assert self.process.wait(PATIENCE) == -signal.SIGKILL, self.output()
        self.killed = True
        self.ready.unlink()

    def stop(self) -> None:
        """SIGTERM; asserts a clean end: code 0, the ready file gone, no process left in the host's session."""
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.output()
        assert not self.ready.exists()
        assert not _session(self.process.pid)

    def end(self) -> None:
        """Whatever happened: nothing stays behind."""
        self.http.close()
        self.process.kill()

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)


def _session(leader: int) -> list[int]:
    """The processes of the session that `leader` began (proc(5): the sixth field, after a name in parentheses)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(fields[3]) == leader:
            found.append(int(path.parent.name))
    return found
