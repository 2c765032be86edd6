"""The application behind the triggers, over stores in memory; and requests as the platform hands them over."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from cryptography.fernet import Fernet

from shared import config
from shared.ca.authorities import CAHome
from shared.ca.authority import CertificateAuthority
from shared.ca.registration import RegistrationAuthority
from shared.ca.roster import DEFAULT
from shared.policy.profiles import Profiles
from shared.revocation.service import Records
from shared.store.deliveries import DeliveryLog, DeliveryStore
from shared.store.devices import DeviceStore, EventLog, HoldStore, ParkedEvents
from shared.store.directory import DirectoryStore, Notes, SubscriptionStore
from shared.store.memory import MemoryPublicationStore, MemoryQueue, MemoryStore, MemoryUseCounter
from shared.store.memory_deliveries import MemoryDeliveryLog, MemoryDeliveryStore, MemoryOrderLog
from shared.store.memory_devices import (
    MemoryDeviceStore,
    MemoryEventLog,
    MemoryHoldStore,
    MemoryParkedEvents,
)
from shared.store.memory_directory import MemoryDirectoryStore, MemoryNotes, MemorySubscriptionStore
from shared.store.memory_outbox import MemoryOutbox
from shared.store.memory_pending import MemoryPendingRequests
from shared.store.memory_traces import MemoryTraceStore
from shared.store.orders import OrderLog
from shared.store.outbox import FailureReports, Outbox
from shared.store.pending import PendingRequests
from shared.store.ports import (
    CertificateRecord,
    KeptQueue,
    PublicationStore,
    Queue,
    SupersessionStore,
    UseCounter,
)
from shared.store.traces import TraceStore
from shared.wiring import Application
from shared.wiring.events import BrakeCounter
from tests.ca.homes import home_of
from tests.ca.stores import order, template
from tests.functions.memory import EMBEDDED
from tests.scep.authority import CALLER_SECRET, NOW, POLICY, STATIC_SECRET, URL, World

MANAGEMENT_KEY = "management-key-of-the-tests"
EVENT_SECRET = "event-secret-of-the-tests"
SOURCES = """
[[event_sources]]
name = "generic"
[[event_sources]]
name = "jamf"
reader = "jamf"
events = ["retired"]
"""
LOCAL = {
    "SCEPTER_PUBLIC_URL": URL,
    "SCEPTER_CHALLENGE_KEYS": Fernet.generate_key().decode(),
    "SCEPTER_CALLER_SECRETS__TESTS": CALLER_SECRET,
    "SCEPTER_STATIC_CHALLENGES__SHARED": STATIC_SECRET,
    "SCEPTER_MANAGEMENT_KEY": MANAGEMENT_KEY,
    "SCEPTER_EVENT_SECRETS__GENERIC": EVENT_SECRET,
    "SCEPTER_EVENT_SECRETS__JAMF": EVENT_SECRET,
}
AZURE = {name: value for name, value in LOCAL.items() if name != "SCEPTER_MANAGEMENT_KEY"} | {
    "WEBSITE_INSTANCE_ID": "0123",
    "WEBSITE_AUTH_ENABLED": "True",
}
HOST = "pki.example.org"


class MemoryApplication(Application):
    """The real composition over memory. `world` has the CA and its RA.

    `now` can be moved, and `policy` changed before it is used.
    """

    def __init__(self, environment: Mapping[str, str] = LOCAL, **changes: str) -> None:
        chosen = {name: value for name, value in {**environment, **changes}.items() if value}
        super().__init__(config.load(chosen), chosen, clock=lambda: self.now)
        self.now: datetime = NOW
        self.policy = POLICY + SOURCES
        self.world = World()
        self.store = MemoryStore()
        self.blobs = MemoryPublicationStore()
        self.outboxes = MemoryOutbox()
        self.queues: dict[str, MemoryQueue] = defaultdict(MemoryQueue)

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles.parse(self.policy)

    @cached_property
    def records(self) -> Records:
        return self.store

    @cached_property
    def traces(self) -> TraceStore:
        return MemoryTraceStore()

    @cached_property
    def pending_requests(self) -> PendingRequests:
        return MemoryPendingRequests()

    @cached_property
    def outbox(self) -> Outbox:
        return self.outboxes

    @cached_property
    def failure_reports(self) -> FailureReports:
        return self.outboxes

    @cached_property
    def supersessions(self) -> SupersessionStore:
        return self.store

    @cached_property
    def uses(self) -> UseCounter:
        return MemoryUseCounter()

    @cached_property
    def publications(self) -> PublicationStore:
        return self.blobs

    @cached_property
    def devices(self) -> DeviceStore:
        return MemoryDeviceStore()

    @cached_property
    def event_log(self) -> EventLog:
        return MemoryEventLog()

    @cached_property
    def parked_events(self) -> ParkedEvents:
        return MemoryParkedEvents()

    @cached_property
    def hold_store(self) -> HoldStore:
        return MemoryHoldStore()

    @cached_property
    def directory(self) -> DirectoryStore:
        return MemoryDirectoryStore()

    @cached_property
    def subscriptions(self) -> SubscriptionStore:
        return MemorySubscriptionStore()

    @cached_property
    def notes(self) -> Notes:
        return MemoryNotes()

    @cached_property
    def brake_counter(self) -> BrakeCounter:
        return MemoryUseCounter()

    @cached_property
    def delivery_store(self) -> DeliveryStore:
        return MemoryDeliveryStore()

    @cached_property
    def delivery_log(self) -> DeliveryLog:
        return MemoryDeliveryLog()

    @cached_property
    def orders(self) -> OrderLog:
        return MemoryOrderLog()

    def queue(self, name: str) -> Queue:
        return self.queues[name]

    def kept_queue(self, name: str) -> KeptQueue:
        return self.queues[name]

    @cached_property
    def ca_homes(self) -> Mapping[str, CAHome]:
        world = self.world
        return {DEFAULT: home_of(world.issuer.certificate, world.issuing_key, world.root)}

    @cached_property
    def ra(self) -> RegistrationAuthority:
        return self.world.registration


def request(
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    route: Mapping[str, str] | None = None,
    host: str = HOST,
) -> func.HttpRequest:
    """A request by path and raw query. `params` are what the platform makes of the query: it loses empty values
    and takes `+` for a space."""
    url = f"http://{host}{path}"
    query = path.partition("?")[2]
    return func.HttpRequest(
        method=method,
        url=url,
        headers=headers or {},
        params=dict(parse_qsl(urlsplit(f"http://x/?{query}").query)),
        route_params=route or {},
        body=body,
    )


def call(trigger: Callable[..., Any], req: func.HttpRequest) -> func.HttpResponse:
    """What the trigger answers; coroutines get a loop of their own, and a context if they ask for one."""
    user_function = trigger._function.get_user_function()  # type: ignore[attr-defined]
    given = (EMBEDDED,) if "context" in inspect.signature(user_function).parameters else ()
    response = user_function(req, *given)
    if inspect.isawaitable(response):
        response = asyncio.run(_result(response))
    assert isinstance(response, func.HttpResponse)
    return response


async def _result(answer: Awaitable[Any]) -> Any:
    return await answer


def text(response: func.HttpResponse) -> str:
    return response.get_body().decode()


def body(response: func.HttpResponse) -> Any:
    """The JSON of a response."""
    assert response.mimetype == "application/json"
    return json.loads(response.get_body())


def issue(app: MemoryApplication, identity: str = "challenge-1", **owner: str) -> CertificateRecord:
    """A certificate on record, for device dev1 unless told otherwise."""
    authority = CertificateAuthority(app.issuer, app.store)
    return authority.issue(template(), order(identity, **owner), now=NOW).record


def queue_message(content: Any) -> func.QueueMessage:
    """A message as the platform hands it over; what is not bytes is sent as JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return func.QueueMessage(id="message-1", body=data, pop_receipt="receipt")


def crl_request(app: MemoryApplication, **changes: Any) -> dict[str, Any]:
    """A request for the next CRL with what a test wants different."""
    return {"version": 1, "issuer": app.issuer.id, "changedAt": NOW.isoformat(), **changes}
