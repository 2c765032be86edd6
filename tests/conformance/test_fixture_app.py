"""The app that the embedded host's tests use, under Microsoft's worker library: both must see the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.harness import Invocation, Outcome, run_app
from tests.host.process import APP

pytestmark = [pytest.mark.conformance]
REQUEST = {
    "method": "POST",
    "url": "http://localhost:7071/echo/abc/7?x=1",
    "headers": {"x-one": "1", "transfer-encoding": "chunked"},
    "query": {"x": "1"},
    "params": {"name": "abc", "number": "7"},
    "body": "00ff",
}
EVENT = {
    "id": "e1",
    "topic": "/t",
    "subject": "devices/d",
    "eventType": "Device.Wiped",
    "eventTime": "2026-05-01T12:00:00.1234567Z",
    "dataVersion": "1",
    "data": {"device": "d"},
}
MESSAGE = {
    "body": json.dumps({"fail": 0}).encode().hex(),
    "metadata": {
        "Id": "m1",
        "DequeueCount": "2",
        "PopReceipt": "r",
        "InsertionTime": "2026-05-01T12:00:00+00:00",
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="module")
def outcome(python_313: Path, folder: Path) -> Outcome:
    calls = [
        Invocation("echo", REQUEST),
        Invocation("files", {**REQUEST, "params": {"rest": "a/b"}}),
        Invocation("headers", REQUEST),
        Invocation("nothing", REQUEST),
        Invocation("fails", REQUEST),
        Invocation("enqueue", {**REQUEST, "body": b'["one", "two"]'.hex()}),
        Invocation("work", MESSAGE),
        Invocation(
            "tick", {"IsPastDue": True, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": {"Last": "l"}}
        ),
        Invocation("event", EVENT),
    ]
    environment = {"TEST_RECORD": str(folder / "record.jsonl")}
    return run_app(python_313, APP, calls, folder, environment)


def record(folder: Path, function: str) -> dict[str, Any]:
    entries = map(json.loads, (folder / "record.jsonl").read_text().splitlines())
    found: dict[str, Any] = next(entry for entry in entries if entry["function"] == function)
    return found


def test_every_function_is_indexed(outcome: Outcome) -> None:
    assert outcome.failure is None
    kinds = {name: bindings[-1]["type"] for name, bindings in outcome.functions.items()}
    assert {"echo", "files", "enqueue", "work", "tick", "event"} <= kinds.keys()


def test_http_request_arrives_as_in_the_embedded_host(outcome: Outcome) -> None:
    result = outcome.results[0]
    seen = json.loads(bytes.fromhex(result["returned"]["body"]))
    assert (seen["method"], seen["url"], seen["headers"]) == ("POST", REQUEST["url"], REQUEST["headers"])
    assert (seen["params"], seen["route"], seen["body"]) == ({"x": "1"}, REQUEST["params"], "00ff")
    assert (seen["function"], len(seen["invocation"])) == ("echo", 36)


def test_coroutines_run(outcome: Outcome) -> None:
    assert json.loads(bytes.fromhex(outcome.results[1]["returned"]["body"]))["thread"] == "MainThread"


def test_headers_collapse_in_the_worker_already(outcome: Outcome) -> None:
    returned = outcome.results[2]["returned"]
    assert (returned["status_code"], returned["headers"]["Link"]) == ("201", "<two>")


def test_no_answer_and_an_exception_are_failures(outcome: Outcome) -> None:
    assert [result["ok"] for result in outcome.results[3:5]] == [False, False]
    assert "NoneType" in outcome.results[3]["error"]
    assert "a secret of the inside" in outcome.results[4]["error"]


def test_queue_output(outcome: Outcome) -> None:
    result = outcome.results[5]
    assert (result["ok"], result["returned"]["status_code"]) == (True, "202")
    assert json.loads(result["outputs"]["out"]) == ["one", "two"]


def test_queue_trigger(outcome: Outcome, folder: Path) -> None:
    assert outcome.results[6]["ok"], outcome.results[6]["error"]
    entry = record(folder, "work")
    assert (entry["id"], entry["tries"], entry["receipt"], entry["body"]) == ("m1", 2, True, MESSAGE["body"])
    assert entry["times"] == ["2026-05-01T12:00:00+00:00", None, None]


def test_timer_trigger(outcome: Outcome, folder: Path) -> None:
    assert outcome.results[7]["ok"], outcome.results[7]["error"]
    entry = record(folder, "tick")
    assert (entry["past_due"], entry["status"]) == (True, {"Last": "l"})


def test_event_grid_trigger(outcome: Outcome, folder: Path) -> None:
    assert outcome.results[8]["ok"], outcome.results[8]["error"]
    entry = record(folder, "event")
    assert (entry["id"], entry["type"], entry["data"]) == ("e1", "Device.Wiped", {"device": "d"})


@pytest.mark.parametrize(
    ("annotations", "accepted"),
    [
        ("(req: func.HttpRequest) -> func.HttpResponse", True),
        ("(req: func.HttpRequest) -> str", True),
        ("(req: func.HttpRequest) -> func.HttpResponse | None", False),
        ("(req: func.HttpRequest) -> bytes", False),
        ("(req: int) -> str", False),
        ("(req: func.HttpRequest, other: str) -> str", False),
    ],
)
def test_what_keeps_an_app_from_being_indexed(
    python_313: Path, tmp_path: Path, annotations: str, accepted: bool
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        f"@app.route(route='a')\ndef one{annotations}:\n    return 'one'\n"
    )
    outcome = run_app(python_313, app, [], tmp_path, {})
    assert (outcome.failure is None) is accepted, outcome.failure
