"""The Event Grid webhook: handshake, one invocation for each event, keys."""

from typing import Any

import httpx
import pytest

from tests.host.process import HostProcess

pytestmark = [pytest.mark.host, pytest.mark.azurite]


def event(name: str, **data: object) -> dict[str, Any]:
    return {
        "id": name,
        "topic": "/t",
        "subject": f"devices/{name}",
        "eventType": "Device.Wiped",
        "eventTime": "2026-05-01T12:00:00.1234567Z",
        "dataVersion": "1",
        "data": data,
    }


def post(host: HostProcess, body: object, kind: str = "Notification", **query: str) -> httpx.Response:
    query = {"functionName": "event", "code": str(host.ready["master_key"]), **query}
    url = host.url + "/runtime/webhooks/EventGrid"
    return host.client.post(url, params=query, json=body, headers={"aeg-event-type": kind})


def test_the_subscription_handshake_is_answered(host: HostProcess) -> None:
    response = post(host, [event("a", validationCode="4711")], "SubscriptionValidation")
    assert (response.status_code, response.json()) == (200, {"validationResponse": "4711"})
    assert host.record("event") == [] or all(entry["id"] != "a" for entry in host.record("event"))


def test_each_event_is_one_invocation(host: HostProcess, unique_name: str) -> None:
    assert post(host, [event(f"{unique_name}1"), event(f"{unique_name}2", device="d")]).status_code == 202
    entries = [entry for entry in host.record("event") if entry["id"].startswith(unique_name)]
    assert sorted((entry["id"], entry["data"].get("device")) for entry in entries) == [
        (f"{unique_name}1", None),
        (f"{unique_name}2", "d"),
    ]
    assert (entries[0]["type"], entries[0]["subject"]) == ("Device.Wiped", f"devices/{entries[0]['id']}")


def test_a_failure_is_500_so_that_the_service_sends_again(host: HostProcess) -> None:
    assert post(host, [event("x"), event("y", fail=True)]).status_code == 500


def test_the_webhook_wants_its_key_and_a_function(host: HostProcess) -> None:
    assert post(host, [], code="wrong").status_code == 401
    assert post(host, [], code=str(host.ready["function_key"])).status_code == 401
    assert post(host, [], functionName="unknown").status_code == 404
    assert post(host, [], functionName="work").status_code == 404
    assert post(host, [{"no": "data"}], "SubscriptionValidation").status_code == 400


def test_an_event_function_runs_on_demand(host: HostProcess, unique_name: str) -> None:
    url = host.url + "/admin/functions/event"
    response = host.client.post(url, json={"input": event(unique_name)}, headers=host.master)
    assert response.status_code == 202
    host.await_record("event", id=unique_name)
