"""`/manage/requests`: what waits for an administrator, and decisions; every call authorised before anything else."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest

from functions import approvals
from shared.scep.client import Reply, build_request, read_reply
from shared.scep.message import MessageType, PKIStatus
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, request, text
from tests.scep.authority import DAY, NOW, csr, self_signed

KEY = {"x-scepter-key": MANAGEMENT_KEY}
STRANGERS: tuple[dict[str, str], ...] = ({}, {"x-scepter-key": "wrong"})


def submit(app: MemoryApplication, device: str = "dev1", number: int = 0) -> Reply:
    """One PKCSReq of a device in the profile that wants approval; always in the same transaction."""
    order = {"profile": "approved", "subject": f"CN={device},O=Example", "device": device}
    caller = app.environment["SCEPTER_CALLER_SECRETS__TESTS"]
    challenge = app.mint.mint(caller, json.dumps(order).encode(), now=app.now).challenge
    content = csr(order["subject"], challenge=challenge, number=number)
    ra, requester = app.world.ra.certificate, self_signed(number)
    message, transaction, nonce = build_request(content, requester, ra, transaction_id=f"of {device}")
    answer = app.scep.pki_operation(message, app.profiles.profiles["approved"], now=app.now)
    return read_reply(answer, requester, ra, transaction_id=transaction, nonce=nonce)


def listed(query: str = "") -> list[Any]:
    response = call(approvals.list_requests, request("GET", f"/manage/requests{query}", headers=KEY))
    assert response.status_code == 200
    found: list[Any] = body(response)["requests"]
    return found


def decide(identifier: str, content: bytes, headers: dict[str, str] = KEY) -> func.HttpResponse:
    path = f"/manage/requests/{identifier}"
    route = {"id": identifier}
    return call(approvals.decide_request, request("PUT", path, headers=headers, route=route, body=content))


def order(decision: str, note: str = "") -> bytes:
    return json.dumps({"decision": decision, "note": note}).encode()


def test_no_call_is_served_without_authorisation(app: MemoryApplication) -> None:
    assert submit(app).status is PKIStatus.PENDING
    (row,) = listed()
    for headers in STRANGERS:
        refused = [
            call(approvals.list_requests, request("GET", "/manage/requests", headers=headers)),
            decide(row["id"], order("approve"), headers),
            decide("none", b"{", headers),
        ]
        assert [response.status_code for response in refused] == [403] * 3
        assert all("dev1" not in text(response) for response in refused)
    assert listed() == [row]


def test_every_trigger_of_the_room_is_tried_above() -> None:
    assert len([trigger for trigger in vars(approvals).values() if hasattr(trigger, "_function")]) == 2


def test_a_row_says_what_there_is_to_decide_on(app: MemoryApplication) -> None:
    submit(app)
    (row,) = listed()
    expected = {
        "state": "pending",
        "profile": "approved",
        "subject": "CN=dev1,O=Example",
        "sans": [],
        "key": "RSA-2048",
        "keyHash": self_signed().certificate.key_hash,
        "days": 365,
        "device": "dev1",
        "user": "",
        "vouchedBy": "sealed:tests",
        "transaction": "of dev1",
        "requestedAt": NOW.isoformat(),
        "endsAt": (NOW + 3 * DAY).isoformat(),
        "serial": "",
        "verdict": None,
    }
    assert row == {"id": row["id"], **expected}
    assert row["id"].startswith("approved.")


def test_rows_are_chosen_by_profile_and_state(app: MemoryApplication) -> None:
    for number in range(3):
        submit(app, f"dev{number}", number)
    first, second = listed()[0]["id"], listed()[1]["id"]
    decide(first, order("approve"))
    decide(second, order("deny"))
    assert [row["id"] for row in listed("?state=approved")] == [first]
    assert [row["id"] for row in listed("?state=denied&profile=approved")] == [second]
    assert len(listed("?state=pending")) == 1
    assert listed("?profile=device") == []
    app.now += 3 * DAY
    assert listed("?state=pending") == []


def test_an_approval_goes_on_record_with_who_and_why(app: MemoryApplication) -> None:
    submit(app)
    (row,) = listed()
    app.now += DAY
    response = decide(row["id"], order("approve", "seen in person"))
    assert response.status_code == 200
    verdict = {"by": "local administrator", "at": app.now.isoformat(), "note": "seen in person"}
    later = {"endsAt": (app.now + 3 * DAY).isoformat(), "state": "approved", "verdict": verdict}
    assert body(response) == {**row, **later}
    assert list(app.records.records(app.issuer.id)) == []


def test_what_was_issued_is_told_with_a_denial_that_comes_too_late(app: MemoryApplication) -> None:
    submit(app)
    (row,) = listed()
    decide(row["id"], order("approve"))
    poll(app)
    (record,) = app.records.records(app.issuer.id)
    assert record.vouched_by == "sealed:tests approved:local administrator"
    denied = body(decide(row["id"], order("deny")))
    assert (denied["state"], denied["serial"]) == ("denied", record.serial)


def poll(app: MemoryApplication) -> None:
    """CertPoll of dev1."""
    ra = app.world.ra.certificate
    message, _, _ = build_request(
        b"\x30\x00", self_signed(), ra, message_type=MessageType.CERT_POLL, transaction_id="of dev1"
    )
    app.scep.pki_operation(message, app.profiles.profiles["approved"], now=app.now)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        order("perhaps"),
        order("approve", "x" * 501),
        b'{"decision":"deny","by":"ann"}',
    ],
)
def test_a_body_that_decides_nothing_is_refused(app: MemoryApplication, content: bytes) -> None:
    submit(app)
    response = decide(listed()[0]["id"], content)
    assert response.status_code == 400
    assert "Its fields: decision, note" in text(response)
    assert listed()[0]["state"] == "pending"


@pytest.mark.parametrize("identifier", ["none", "approved.", "approved", ".", "../../x", "%00", "x" * 3000])
def test_a_request_that_is_not_there_is_not_found(app: MemoryApplication, identifier: str) -> None:
    submit(app)
    response = decide(identifier, order("approve"))
    assert (response.status_code, text(response)) == (404, "No such request is waiting.\n")


def test_the_note_is_optional(app: MemoryApplication) -> None:
    submit(app)
    assert body(decide(listed()[0]["id"], b'{"decision": "deny"}'))["verdict"]["note"] == ""
