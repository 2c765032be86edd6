"""Management of events, parked events, holds and queues: authorised, bounded, and told what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import event_timers, events, operations, revocations
from shared.store.devices import FleetCount
from shared.store.ports import Status
from tests.functions.application import (
    MANAGEMENT_KEY,
    MemoryApplication,
    body,
    call,
    issue,
    queue_message,
    request,
    text,
)
from tests.functions.test_events import EVENT, handle, status
from tests.functions.test_timers import run
from tests.scep.authority import DAY, NOW

KEY = {"x-scepter-key": MANAGEMENT_KEY}


def ask(
    trigger: Callable[..., Any], method: str, content: object = None, query: str = "", **route: str
) -> func.HttpResponse:
    data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    return call(trigger, request(method, f"/x{query}", headers=KEY, body=data, route=route))


TRIGGERS = [
    (revocations.revoke_certificates, "POST"),
    (revocations.list_parked, "GET"),
    (revocations.decide_parked, "POST"),
    (revocations.undo_holds, "POST"),
    (operations.list_events, "GET"),
    (operations.preview_event, "POST"),
    (operations.list_queues, "GET"),
    (operations.show_poison, "GET"),
    (operations.redrive_queue, "POST"),
    (operations.health, "GET"),
]


@pytest.mark.parametrize(("trigger", "method"), TRIGGERS)
def test_no_call_is_served_without_authorisation(
    app: MemoryApplication, trigger: Callable[..., Any], method: str
) -> None:
    for headers in ({}, {"x-scepter-key": "wrong"}):
        sent = request(
            method, "/x", headers=headers, body=json.dumps(EVENT).encode(), route={"name": "crl-requests"}
        )
        assert call(trigger, sent).status_code == 403


def test_all_certificates_of_an_owner_are_revoked(app: MemoryApplication) -> None:
    records = [issue(app, f"c{number}", device="dev7") for number in range(3)]
    other = issue(app, "c9", device="dev8")
    order = {"owner": "device:DEV7", "reason": "affiliationChanged", "note": "left"}
    dry = body(ask(revocations.revoke_certificates, "POST", order | {"dryRun": True}))["certificates"]
    assert {row["status"] for row in dry} == {"good"}
    found = body(ask(revocations.revoke_certificates, "POST", order))["certificates"]
    assert sorted(row["serial"] for row in found) == sorted(record.serial for record in records)
    assert {row["revocation"]["reason"] for row in found} == {"affiliationChanged"}
    assert status(app, other) is Status.GOOD


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"serial": "00", "owner": "device:x"},
        {"owner": "dev7"},
        {"owner": "device:" + "x" * 300},
        {"serial": "xyz"},
        {"thumbprint": "00"},
        {"serial": "00", "more": 1},
        {"serial": "00", "note": "x" * 501},
        [],
        b"junk",
        b"x" * 70_000,
    ],
)
def test_a_wrong_order_is_refused(app: MemoryApplication, order: object) -> None:
    assert ask(revocations.revoke_certificates, "POST", order).status_code == 400


@pytest.mark.parametrize("order", [{"serial": "00"}, {"owner": "device:nobody"}, {"thumbprint": "ab" * 20}])
@pytest.mark.parametrize("dry", [False, True])
def test_what_is_not_on_record_is_not_found(app: MemoryApplication, order: dict[str, str], dry: bool) -> None:
    issue(app)
    assert ask(revocations.revoke_certificates, "POST", order | {"dryRun": dry}).status_code == 404


def parked(app: MemoryApplication, count: int = 3) -> None:
    app.policy = app.policy.replace('name = "generic"\n', 'name = "generic"\nmost_devices = 1\n')
    for number in range(count + 1):
        issue(app, f"c{number}", device=f"dev{number}")
        events.handle_device_event(
            queue_message(EVENT | {"id": f"e{number}", "device": {"id": f"dev{number}"}})
        )


def test_parked_events_are_listed_released_and_discarded(app: MemoryApplication) -> None:
    parked(app, 4)
    rows = body(ask(revocations.list_parked, "GET", query="?source=generic&limit=2"))["events"]
    assert [row["id"] for row in rows] == ["e1", "e2"]
    assert rows[0].keys() == {"source", "id", "type", "owner", "parkedAt"}
    order = {"action": "release", "source": "generic", "most": 2}
    assert body(ask(revocations.decide_parked, "POST", order)) == {"count": 2}
    handle(app)
    assert [record.status for record in app.store.records(app.issuer.id)].count(Status.REVOKED) == 3
    assert body(ask(revocations.decide_parked, "POST", {"action": "discard"})) == {"count": 2}
    assert body(ask(revocations.decide_parked, "POST", {"action": "discard"})) == {"count": 0}
    states = [
        row["state"] for row in body(ask(operations.list_events, "GET", query="?source=generic"))["events"]
    ]
    assert sorted(states) == ["applied"] * 3 + ["discarded"] * 2


@pytest.mark.parametrize(
    "order", [{}, {"action": "burn"}, {"action": "release", "most": 0}, {"action": "release", "most": 201}]
)
def test_a_wrong_decision_is_refused(app: MemoryApplication, order: object) -> None:
    assert ask(revocations.decide_parked, "POST", order).status_code == 400


def test_holds_are_undone_some_at_a_time(app: MemoryApplication) -> None:
    for number in range(3):
        issue(app, f"c{number}", device=f"dev{number}")
        content = EVENT | {"id": f"e{number}", "device": {"id": f"dev{number}"}, "source": "directory"}
        events.handle_device_event(queue_message(content))
    order = {"source": "directory", "since": NOW.isoformat(), "most": 2}
    lengths = [len(body(ask(revocations.undo_holds, "POST", order))["serials"]) for _ in range(3)]
    assert lengths == [2, 1, 0]
    assert {record.status for record in app.store.records(app.issuer.id)} == {Status.GOOD}


def test_holds_become_final_by_timer(app: MemoryApplication) -> None:
    record = issue(app)
    events.handle_device_event(queue_message(EVENT | {"source": "intune"}))
    assert status(app, record) is Status.HELD
    app.now += DAY
    run(event_timers.finalise_holds)
    assert status(app, record) is Status.REVOKED


def test_the_fleet_is_counted_by_timer(app: MemoryApplication) -> None:
    for number in range(4):
        issue(app, f"c{number}", device=f"dev{number % 3}")
    run(event_timers.count_fleet)
    assert app.devices.fleet() == FleetCount(3, NOW)


def test_old_events_are_forgotten_by_timer(app: MemoryApplication) -> None:
    issue(app)
    events.handle_device_event(queue_message(EVENT))
    app.now += timedelta(days=89)
    run(event_timers.purge_events)
    assert len(list(app.event_log.entries())) == 1
    app.now += timedelta(days=2)
    run(event_timers.purge_events)
    assert list(app.event_log.entries()) == []


def test_queues_are_listed_looked_into_and_driven_back(app: MemoryApplication) -> None:
    events.handle_device_event(queue_message(EVENT | {"occurredAt": (NOW + DAY).isoformat()}))
    rows = body(ask(operations.list_queues, "GET"))["queues"]
    assert {row["name"]: row["poison"] for row in rows if row["poison"]} == {"device-events": 1}
    assert {"crl-requests", "device-events", "pfx-requests"} <= {row["name"] for row in rows}
    (message,) = body(ask(operations.show_poison, "GET", name="device-events"))["messages"]
    assert (message["redrivable"], "happens at" in message["reason"]) == (True, True)
    record = issue(app)
    app.now += DAY
    assert body(ask(operations.redrive_queue, "POST", name="device-events")) == {"moved": 1, "stuck": 0}
    handle(app)
    assert status(app, record) is Status.REVOKED


@pytest.mark.parametrize("name", ["nobody", "", "device-events-poison", "x" * 500])
def test_a_queue_that_is_not_ours_is_not_found(app: MemoryApplication, name: str) -> None:
    for trigger, method in ((operations.show_poison, "GET"), (operations.redrive_queue, "POST")):
        response = ask(trigger, method, name=name)
        assert response.status_code == 404
        assert "crl-requests" in text(response)


def test_health_tells_all_and_the_worst(app: MemoryApplication) -> None:
    parked(app)
    first = body(ask(operations.health, "GET"))
    assert first["level"] == "critical"
    (crl,) = [finding for finding in first["findings"] if finding["subject"] == "CRL"]
    assert "none is published" in crl["text"]
    assert [finding["level"] for finding in first["findings"] if finding["subject"] == "brake"] == [
        "critical"
    ]
    ask(revocations.decide_parked, "POST", {"action": "discard"})
    app.publish()
    levels = {
        finding["subject"]: finding["level"] for finding in body(ask(operations.health, "GET"))["findings"]
    }
    assert levels["CRL"] == levels["brake"] == levels["queue device-events"] == "ok"
