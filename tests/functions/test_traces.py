"""Traces over the management API: found by transaction, device and serial, the newest first, to administrators only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import traces
from shared.errors import StoreUnavailable
from shared.store.memory_traces import MemoryTraceStore
from shared.store.ports import Claim
from shared.store.traces import Trace
from tests.contracts.examples import trace
from tests.functions.conftest import Make
from tests.functions.memory import MANAGEMENT_KEY, Enrolment, MemoryApplication, now, request

AUTHORISED = {"x-scepter-key": MANAGEMENT_KEY}
handler: Callable[[func.HttpRequest], func.HttpResponse] = traces.list_traces._function.get_user_function()


def ask(query: Mapping[str, str], headers: Mapping[str, str] = AUTHORISED) -> func.HttpResponse:
    return handler(
        func.HttpRequest(
            method="GET",
            url="http://pki.example.org/manage/traces",
            headers=headers,
            params=query,
            body=b"",
        )
    )


def found(**query: str) -> list[dict[str, Any]]:
    answer = ask(query)
    assert answer.status_code == 200, answer.get_body()
    told: list[dict[str, Any]] = json.loads(answer.get_body())["traces"]
    return told


def enrol(app: MemoryApplication, device: str = "dev-1") -> Enrolment:
    enrolment = Enrolment.make(app, device)
    headers = {"x-forwarded-for": "198.51.100.7:443", "user-agent": "a client"}
    assert now(request(enrolment.der, headers=headers)).status_code == 200
    return enrolment


def test_an_exchange_is_found_at_once_by_its_transaction_its_device_and_its_serial(make: Make) -> None:
    app = make()
    enrolment = enrol(app)
    (by_id,) = found(id=enrolment.transaction_id)
    assert (by_id["operation"], by_id["status"], by_id["profile"]) == ("PKCSReq", "SUCCESS", "device")
    assert (by_id["source"], by_id["agent"], by_id["device"]) == ("198.51.100.7", "a client", "dev-1")
    assert [step["outcome"] for step in by_id["steps"]] == ["ok"] * 9
    assert found(device="DEV-1") == found(serial=by_id["serial"].upper()) == [by_id]


def test_a_serial_shows_its_own_exchanges_only(make: Make) -> None:
    app = make()
    first, second = enrol(app), enrol(app)
    (one,), (two,) = found(id=first.transaction_id), found(id=second.transaction_id)
    assert found(device="dev-1") == [two, one]
    assert found(serial=one["serial"]) == [one]


def test_a_serial_without_a_device_is_found_too(make: Make) -> None:
    app = make()
    nameless = trace(device="", serial="00" * 19, at=app.clock())
    app.memory.append([nameless])
    assert [each["serial"] for each in found(serial="00" * 19)] == ["00" * 19]
    assert found(serial="11" * 19) == []


def test_a_refusal_says_why_and_what_would_change_it(make: Make) -> None:
    app = make()
    used = Enrolment.make(app, "dev-1", subject="CN=another")
    now(request(used.der))
    (told,) = found(id=used.transaction_id)
    assert (told["status"], told["failInfo"], told["error"]) == (
        "FAILURE",
        "BAD_REQUEST",
        "ChallengeRejected",
    )
    assert "promised 'CN=another', found 'CN=dev-1'" in told["cause"]
    assert "order of the challenge" in told["remedy"]


def test_an_outage_is_traced_as_an_error(make: Make) -> None:
    app = make()
    enrolment = Enrolment.make(app, "dev-1")

    def away(_: Claim) -> None:
        raise StoreUnavailable("claim: storage is away")

    vars(app.store)["claim"] = away
    assert now(request(enrolment.der)).status_code == 503
    (told,) = found(id=enrolment.transaction_id)
    assert (told["status"], told["cause"]) == ("ERROR", "claim: storage is away")
    assert (told["steps"][-1]["name"], told["steps"][-1]["outcome"]) == ("issue", "StoreUnavailable")
    assert told["remedy"].startswith("storage")


def test_what_names_no_transaction_or_is_shed_is_no_trace(make: Make) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS="1")
    app.admission.enter()
    now(request(b"\x30\x80"))
    app.admission.leave()
    now(request(b"\x30\x80"))
    assert app.recorder is not None
    assert app.recorder.flush(0)
    assert not app.memory._rows


def test_as_many_as_asked_for_and_the_newest(make: Make) -> None:
    app = make()
    for number in range(30):
        app.memory.append([trace(at=app.clock() - timedelta(hours=number), mark=f"{number}")])
    times = [each["at"] for each in found(device="laptop-1")]
    assert (len(times), times) == (20, sorted(times, reverse=True))
    assert [each["at"] for each in found(device="laptop-1", limit="3")] == times[:3]
    assert len(found(device="laptop-1", limit="100000")) == 30
    assert len(found(device="laptop-1", limit="x")) == 20


def test_days_beyond_the_setting_are_not_looked_at_and_are_purged(make: Make) -> None:
    app = make(SCEPTER_TRACE_DAYS="2")
    days = [app.clock() - timedelta(days=back) for back in range(5)]
    app.memory.append([trace(at=at, device="") for at in days])
    assert len(found(id="transaction-1")) == 3
    assert app.purge_traces() == 2
    assert len(app.memory._rows) == 3


@pytest.mark.parametrize(
    "query", [{}, {"id": ""}, {"id": "a", "device": "b"}, {"serial": "x" * 513}, {"transaction": "a"}]
)
def test_one_key_has_to_be_given(make: Make, query: dict[str, str]) -> None:
    make()
    answer = ask(query)
    assert (answer.status_code, answer.get_body()) == (400, b"Give one of id, device and serial.\n")


def test_strangers_see_nothing(make: Make) -> None:
    make()
    for headers in ({}, {"x-scepter-key": "wrong"}):
        assert ask({"id": "a"}, headers).status_code == 403


def test_without_traces_that_is_said_and_nothing_is_kept_and_old_ones_go(make: Make) -> None:
    app = make(SCEPTER_TRACE_DAYS="0")
    app.memory.append([trace(at=app.clock() - timedelta(days=1))])
    enrolment = enrol(app)
    answer = ask({"id": enrolment.transaction_id})
    assert (answer.status_code, b"SCEPTER_TRACE_DAYS" in answer.get_body()) == (403, True)
    assert app.recorder is None
    assert app.purge_traces() == 2
    assert not app.memory._rows


def test_traces_that_cannot_be_written_cost_the_exchange_nothing(make: Make) -> None:
    class Broken(MemoryTraceStore):
        def append(self, traces: object) -> None:
            raise StoreUnavailable("append: away")

    app = make()
    vars(app)["traces"] = Broken()
    assert [enrol(app, f"dev-{number}").app for number in range(3)] == [app] * 3


def test_a_trace_as_json_has_every_field() -> None:
    names = {"failInfo" if name == "fail_info" else name for name in Trace.__dataclass_fields__} - {"mark"}
    assert set(traces.as_json(trace())) == names | {"remedy"}


def test_what_a_device_asked_before_comes_first(make: Make) -> None:
    app = make()
    headers = {"x-forwarded-for": "198.51.100.7:443", "user-agent": "a client"}
    for operation in ("GetCACaps", "GetCACert"):
        asked = func.HttpRequest(
            method="GET",
            url=f"http://pki.example.org/scep/device?operation={operation}",
            headers=headers,
            params={"operation": operation},
            route_params={"profile": "device"},
            body=b"",
        )
        assert now(asked).status_code == 200
    first, second = enrol(app), enrol(app, "dev-2")
    (trace_of_first,) = found(id=first.transaction_id)
    assert [step["name"] for step in trace_of_first["steps"]][:3] == ["caps", "ca-certificate", "parse"]
    (trace_of_second,) = found(id=second.transaction_id)
    assert trace_of_second["steps"][0]["name"] == "parse"
