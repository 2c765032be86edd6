"""Webhooks, Event Grid and the queue: who may tell of events, and what becomes of what they tell."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import events
from shared.devices.signature import sign
from shared.store.devices import EventState
from shared.store.ports import CertificateRecord, Status
from tests.functions.application import (
    AZURE,
    EVENT_SECRET,
    MemoryApplication,
    call,
    issue,
    queue_message,
    request,
    text,
)
from tests.scep.authority import NOW

EVENT = {
    "id": "wipe-1",
    "type": "wiped",
    "occurredAt": NOW.isoformat(),
    "device": {"id": "dev1"},
}
JAMF = {
    "webhook": {
        "id": 1,
        "name": "x",
        "webhookEvent": "MobileDeviceUnEnrolled",
        "eventTimestamp": 1795262400123,
    },
    "event": {"udid": "DEV1", "serialNumber": "C02", "deviceName": "x", "jssID": 7},
}


def signed(body: bytes, secret: str = EVENT_SECRET, *, at: int = 0) -> dict[str, str]:
    timestamp = int(NOW.timestamp()) + at
    return {
        "webhook-id": "m",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, "m", timestamp, body),
    }


def post(
    content: Any = EVENT, source: str = "generic", headers: dict[str, str] | None = None
) -> func.HttpResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = signed(body) if headers is None else headers
    sent = request("POST", f"/events/{source}", body=body, headers=given, route={"source": source})
    return call(events.events, sent)


def handle(app: MemoryApplication) -> None:
    """Everything that waits on the queue, as the host hands it over."""
    waiting = app.queues["device-events"].sent
    while waiting:
        message, delay = waiting.pop(0)
        app.now += timedelta(seconds=delay)
        events.handle_device_event(queue_message(message))


def status(app: MemoryApplication, record: CertificateRecord) -> Status:
    found = app.store.find(record.issuer, record.serial)
    assert found is not None
    return found.status


def test_a_signed_event_is_queued_and_revokes(app: MemoryApplication) -> None:
    record = issue(app)
    response = post()
    assert (response.status_code, text(response)) == (202, "Accepted.\n")
    ((message, delay),) = app.queues["device-events"].sent
    assert delay == 0
    assert message == EVENT | {
        "version": 1,
        "source": "generic",
        "occurredAt": "2026-11-21T12:00:00Z",
        "receivedAt": NOW.isoformat(),
    }
    handle(app)
    assert status(app, record) is Status.REVOKED
    assert app.queues["crl-requests"].sent


def test_old_and_new_secret_are_both_taken(app: MemoryApplication) -> None:
    rotated = MemoryApplication(
        SCEPTER_EVENT_SECRETS__GENERIC=f"{EVENT_SECRET}, whsec_bmV3IHNlY3JldCBmb3IgdGhl"
    )
    from shared import wiring

    wiring.use(rotated)
    body = json.dumps(EVENT).encode()
    for secret in (EVENT_SECRET, "whsec_bmV3IHNlY3JldCBmb3IgdGhl", "new secret for the"):
        assert post(body, headers=signed(body, secret)).status_code == 202
    both = signed(body, "unknown")
    both["webhook-signature"] += " " + signed(body)["webhook-signature"]
    assert post(body, headers=both).status_code == 202


BODY = json.dumps(EVENT).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, "another-secret-of-the-tests"),
        signed(BODY, at=-301),
        signed(BODY, at=301),
        signed(BODY + b" "),
        signed(BODY) | {"webhook-id": "other"},
        signed(BODY) | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        signed(BODY) | {"webhook-timestamp": "²"},
        signed(BODY) | {"webhook-timestamp": "9" * 400},
        signed(BODY) | {"webhook-signature": ""},
        signed(BODY) | {"webhook-signature": "v1,"},
        signed(BODY) | {"webhook-signature": "v1,\ud800é"},
        signed(BODY) | {"webhook-signature": signed(BODY)["webhook-signature"][:-2]},
        {"authorization": f"Bearer {EVENT_SECRET}"},
    ],
)
def test_what_is_not_signed_so_is_refused_alike(app: MemoryApplication, headers: dict[str, str]) -> None:
    response = post(BODY, headers=headers)
    assert (response.status_code, text(response)) == (403, "The signature was not accepted.\n")
    assert app.queues["device-events"].sent == []


def test_within_the_window_a_copy_does_nothing_new(app: MemoryApplication) -> None:
    issue(app)
    assert [post().status_code for _ in range(2)] == [202, 202]
    handle(app)
    (entry,) = app.event_log.entries()
    assert (entry.state, entry.revoked) == (EventState.APPLIED, 1)


@pytest.mark.parametrize("source", ["nobody", "directory", "Generic", "..", "a" * 5000, ""])
def test_a_source_that_is_not_there_is_not_found(app: MemoryApplication, source: str) -> None:
    response = post(source=source)
    assert (response.status_code, text(response)) == (404, "No such source of events.\n")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "exploded"}, "type"),
        ({"occurredAt": "2026-11-21T12:00:00"}, "occurredAt"),
        ({"occurredAt": "soon"}, "occurredAt"),
        ({"occurredAt": (NOW + timedelta(minutes=6)).isoformat()}, "occurredAt"),
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": 7}, "id"),
        ({"device": {}}, "names neither"),
        ({"device": None}, "names neither"),
        ({"device": {"id": "a/b"}}, "device.id"),
        ({"device": {"id": "x" * 257}}, "device.id"),
        ({"device": {"model": "x"}}, "device.model"),
        ({"more": 1}, "more"),
        ({"version": 2}, "version"),
        ({"type": "userRemoved"}, "user"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not(
    app: MemoryApplication, changes: dict[str, Any], field: str
) -> None:
    response = post(EVENT | changes)
    assert response.status_code == 400
    assert field in text(response)
    assert "exploded" not in text(response)
    assert app.queues["device-events"].sent == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}" * 9000, b'{"a":' * 4000])
def test_what_is_no_event_is_refused(app: MemoryApplication, body: bytes) -> None:
    assert post(body).status_code == 400


def test_a_chunked_body_that_arrives_empty_is_told_so(app: MemoryApplication) -> None:
    response = post(b"", headers={"transfer-encoding": "chunked"})
    assert response.status_code == 411


def test_the_webhooks_source_is_the_urls(app: MemoryApplication) -> None:
    post(EVENT | {"source": "directory"})
    assert app.queues["device-events"].sent[0][0]["source"] == "generic"


def test_storage_that_is_away_is_told_and_nothing_is_promised(app: MemoryApplication) -> None:
    from shared.errors import StoreUnavailable

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    app.queues["device-events"].send = away  # type: ignore[method-assign]
    response = post()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")


def test_in_azure_secrets_come_over_https_only() -> None:
    from shared import wiring

    wiring.use(MemoryApplication(AZURE))
    assert post().status_code == 403
    assert post(headers=signed(BODY) | {"x-forwarded-proto": "https"}, content=BODY).status_code == 202
    wiring.use(None)


def basic(password: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'jamf:{password}'.encode()).decode()}"}


@pytest.mark.parametrize("headers", [basic(EVENT_SECRET), {"authorization": f"Bearer {EVENT_SECRET}"}])
def test_jamf_tells_that_a_device_was_unenrolled(app: MemoryApplication, headers: dict[str, str]) -> None:
    record = issue(app)
    app.now = NOW + timedelta(days=30)
    assert post(JAMF, "jamf", headers).status_code == 202
    ((message, _),) = app.queues["device-events"].sent
    assert (message["type"], message["device"]) == ("retired", {"udid": "DEV1", "serialNumber": "C02"})
    handle(app)
    assert status(app, record) is Status.REVOKED
    (entry,) = app.event_log.entries()
    assert entry.owner == "device:dev1"


@pytest.mark.parametrize("scale", [1, 1000])
def test_jamf_has_sent_seconds_and_milliseconds(app: MemoryApplication, scale: int) -> None:
    webhook = JAMF["webhook"] | {"eventTimestamp": 1763726400 * scale}
    post(JAMF | {"webhook": webhook}, "jamf", basic(EVENT_SECRET))
    assert app.queues["device-events"].sent[0][0]["occurredAt"] == "2025-11-21T12:00:00Z"


def test_a_repeat_of_jamf_is_the_same_event_and_another_device_another(app: MemoryApplication) -> None:
    app.now = NOW + timedelta(days=30)
    other = JAMF | {"event": {"udid": "DEV2", "serialNumber": "C03"}}
    for content in (JAMF, JAMF, other):
        post(content, "jamf", basic(EVENT_SECRET))
    ids = [message["id"] for message, _ in app.queues["device-events"].sent]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("name", ["ComputerAdded", "JSSStartup", "SCEPChallenge"])
def test_other_webhooks_of_jamf_are_nothing_to_do(app: MemoryApplication, name: str) -> None:
    webhook = JAMF["webhook"] | {"webhookEvent": name}
    response = post({"webhook": webhook, "event": {"x": [1]}}, "jamf", basic(EVENT_SECRET))
    assert (response.status_code, text(response)) == (200, "Nothing to do.\n")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("wrong"),
        {"authorization": "Basic ***"},
        {"authorization": "Basic"},
        {"authorization": f"Bearer {EVENT_SECRET}x"},
    ],
)
def test_jamf_without_its_password_is_refused(app: MemoryApplication, headers: dict[str, str]) -> None:
    assert post(JAMF, "jamf", headers).status_code == 403


@pytest.mark.parametrize(
    "content",
    [{}, {"webhook": {}}, {"webhook": JAMF["webhook"]}, {"webhook": JAMF["webhook"], "event": {}}, []],
)
def test_what_jamf_does_not_send_is_refused(app: MemoryApplication, content: Any) -> None:
    app.now = NOW + timedelta(days=30)
    assert post(content, "jamf", basic(EVENT_SECRET)).status_code == 400


def test_a_source_may_tell_of_its_own_types_only(app: MemoryApplication) -> None:
    app.policy = app.policy.replace('name = "generic"\n', 'name = "generic"\nevents = ["lost"]\n')
    response = post()
    assert (response.status_code, text(response)) == (403, "This source may not tell of such events.\n")
    assert post(EVENT | {"type": "lost"}).status_code == 202


def grid(data: Any) -> func.EventGridEvent:
    return func.EventGridEvent(
        id="g",
        data=data,
        topic="t",
        subject="s",
        event_type="Scepter.DeviceEvent",
        event_time=NOW,
        data_version="1",
    )


def test_event_grid_brings_the_same_document(app: MemoryApplication) -> None:
    record = issue(app)
    events.event_grid._function.get_user_function()(grid(EVENT | {"source": "lifecycle"}))
    handle(app)
    assert status(app, record) is Status.REVOKED
    (entry,) = app.event_log.entries()
    assert entry.source == "lifecycle"


def test_a_message_straight_on_the_queue_is_as_good(app: MemoryApplication) -> None:
    record = issue(app)
    events.handle_device_event(queue_message(EVENT | {"source": "workflow"}))
    assert status(app, record) is Status.REVOKED


@pytest.mark.parametrize(
    "content",
    [
        b"junk",
        b"\xff",
        {},
        EVENT | {"type": "x"},
        EVENT | {"occurredAt": "2999-01-01T00:00:00Z"},
        EVENT | {"run": -1},
    ],
)
def test_a_faulty_message_is_kept_with_its_reason(app: MemoryApplication, content: Any) -> None:
    events.handle_device_event(queue_message(content))
    ((kept, _),) = app.queues["device-events-poison"].sent
    assert kept["reason"]


def test_the_same_id_with_another_content_is_kept_as_faulty(app: MemoryApplication) -> None:
    events.handle_device_event(queue_message(EVENT))
    events.handle_device_event(queue_message(EVENT | {"type": "lost"}))
    ((kept, _),) = app.queues["device-events-poison"].sent
    assert "told before" in kept["reason"]


def test_a_grace_is_waited_for_on_the_queue(app: MemoryApplication) -> None:
    record = issue(app)
    events.handle_device_event(queue_message(EVENT | {"type": "missing"}))
    assert status(app, record) is Status.GOOD
    handle(app)
    assert app.now >= NOW + timedelta(hours=72)
    assert status(app, record) is Status.REVOKED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [*EVENT, "user", "source", "version", "more"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6), st.sampled_from(["generic", "jamf"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_is_answered_with_500(app: MemoryApplication, changes: dict[str, Any], source: str) -> None:
    headers = None if source == "generic" else basic(EVENT_SECRET)
    content = (EVENT if source == "generic" else JAMF) | changes
    assert post(content, source, headers).status_code in (200, 202, 400, 403)


@given(
    st.binary(max_size=300),
    st.dictionaries(st.sampled_from([*signed(b""), "authorization"]), st.text(max_size=40)),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_headers_are_answered_with_500(
    app: MemoryApplication, body: bytes, headers: dict[str, str]
) -> None:
    for source in ("generic", "jamf"):
        assert post(body, source, headers).status_code in (400, 403, 411)


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "run", "released", "receivedAt", "attempt"]), JSON, max_size=6)
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_is_raised_at_the_host(app: MemoryApplication, changes: dict[str, Any]) -> None:
    events.handle_device_event(queue_message(EVENT | changes))
