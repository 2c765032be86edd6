"""The function app's own composition with its stores in memory, and calls of its SCEP endpoint as a host makes them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func

from functions import scep
from shared import config
from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.scep.client import Reply, build_request, read_reply
from shared.store.memory import MemoryStore, MemoryUseCounter
from shared.store.memory_pending import MemoryPendingRequests
from shared.store.memory_traces import MemoryTraceStore
from shared.store.ports import Claim
from shared.wiring import Application, utc_now
from tests.scep.authority import csr, self_signed

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "tests" / "e2e" / "profiles.toml"
CALLER_SECRET = "the-secret-of-the-caller-demo"
MANAGEMENT_KEY = "the-management-key-of-the-tests"
URL = "http://pki.example.org"


def make_ca(folder: Path) -> Path:
    create(CAFolder(folder), CAPlan(root_key="p-256", issuing_key="p-256"), base_url=URL, now=utc_now())
    return folder


def environment(ca: Path, **settings: str) -> dict[str, str]:
    """The settings of an application with the CA in folder `ca`, but for its storage."""
    return {
        "SCEPTER_PUBLIC_URL": URL,
        "SCEPTER_PROFILES_FILE": str(POLICY),
        "SCEPTER_CA_FOLDER": str(ca),
        "SCEPTER_CHALLENGE_KEYS": "bm90IGEgc2VjcmV0LCBub3QgYSBzZWNyZXQsIG5vdDE=",
        "SCEPTER_CALLER_SECRETS__DEMO": CALLER_SECRET,
        "SCEPTER_STATIC_CHALLENGES__SHARED": "the-shared-secret-of-the-tests",
        "SCEPTER_MANAGEMENT_KEY": MANAGEMENT_KEY,
        **settings,
    }


class GatedStore(MemoryStore):
    """Claims wait at the gate while it is closed; `waiting` is how many."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.arrivals = threading.Event(), threading.Semaphore(0)
        self.gate.set()

    def claim(self, claim: Claim) -> None:
        self.arrivals.release()
        assert self.gate.wait(60)
        super().claim(claim)


class MemoryApplication(Application):
    """Close it."""

    def __init__(self, ca: Path, **settings: str) -> None:
        given = environment(ca, **settings)
        super().__init__(config.load(given), given)
        self.store, self.memory = GatedStore(), MemoryTraceStore()
        # Where cached properties keep what they made.
        vars(self).update(records=self.store, supersessions=self.store, traces=self.memory)
        vars(self).update(uses=MemoryUseCounter(), pending_requests=MemoryPendingRequests())


@dataclass
class Context:
    """func.Context as far as the product looks at it."""

    invocation_id: str = "invocation"
    thread_local_storage: Any = field(default_factory=threading.local)


def request(
    body: bytes = b"", *, operation: str = "PKIOperation", headers: Mapping[str, str] | None = None
) -> func.HttpRequest:
    return func.HttpRequest(
        method="POST" if body else "GET",
        url=f"{URL}/scep/device?operation={operation}",
        headers=headers or {},
        params={"operation": operation},
        route_params={"profile": "device"},
        body=body,
    )


async def call(sent: func.HttpRequest, context: Any = None) -> func.HttpResponse:
    """What the endpoint answers."""
    given: Any = context or Context()
    return await scep.serve(sent, given, lambda: sent.route_params["profile"])


@dataclass(frozen=True)
class Enrolment:
    """A PKCSReq of a device of its own, or of what else the order says."""

    der: bytes
    transaction_id: str
    nonce: bytes
    app: Application

    @classmethod
    def make(cls, app: Application, device: str, **order: str) -> Enrolment:
        body = {"profile": "device", "subject": f"CN={device}", "device": device, **order}
        challenge = app.mint.mint(CALLER_SECRET, json.dumps(body).encode(), now=app.clock()).challenge
        ra = app.ra.current(app.clock()).certificate
        return cls(*build_request(csr(f"CN={device}", challenge=challenge), self_signed(), ra), app)

    def read(self, answer: func.HttpResponse) -> Reply:
        ra = self.app.ra.current(self.app.clock()).certificate
        return read_reply(
            answer.get_body(), self_signed(), ra, transaction_id=self.transaction_id, nonce=self.nonce
        )


def now(sent: func.HttpRequest) -> func.HttpResponse:
    """`call`, on a loop of its own."""
    return asyncio.run(call(sent))


EMBEDDED = SimpleNamespace(invocation_id="invocation", function_name="scep")
"""A context as the embedded host gives it."""
