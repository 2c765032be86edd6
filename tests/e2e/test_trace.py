"""Traces through the whole stack: written aside of the enrolment, kept over a clean end, told by `manage.py trace`."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from shared.scep.message import PKIStatus
from tests.e2e.command_line import manage
from tests.e2e.counted import CountedApplication
from tests.e2e.host import Host
from tests.e2e.messages import Message, enrolment
from tests.e2e.site import Site
from tests.functions.memory import Enrolment, environment, make_ca


@pytest.fixture
def counted(azurite: Azurite, tmp_path: Path, unique_name: str) -> Iterator[CountedApplication]:
    storage = {"AzureWebJobsStorage": azurite.connection_string, "SCEPTER_TABLE_PREFIX": unique_name}
    application = CountedApplication({**environment(make_ca(tmp_path)), **storage})
    _ = application.scep, application.traces
    yield application
    application.close()


def exchange(app: CountedApplication, profile: str, **owner: str) -> list[str]:
    """Enrol with a trace; the storage calls of this thread."""
    sent = Enrolment.make(app, "dev1", profile=profile, **owner)
    app.requests.clear()
    app.transport.threads.clear()
    assert app.recorder is not None
    with app.recorder.transaction(profile=profile, source="-", agent="-") as timeline:
        app.scep.pki_operation(sent.der, app.profiles.profiles[profile], now=app.clock(), timeline=timeline)
    mine = [r for r, t in zip(app.requests, app.transport.threads, strict=True) if t == threading.get_ident()]
    assert app.recorder.flush(30)
    (trace,) = app.traces.find("id", sent.transaction_id, [app.clock().date()])
    assert (trace.status, trace.device, trace.user) == ("SUCCESS", "dev1", owner.get("user", ""))
    return mine


@pytest.mark.azurite
def test_a_traced_enrolment_makes_no_more_calls_on_its_own_thread(counted: CountedApplication) -> None:
    assert exchange(counted, "device") == ["POST owners", "POST certificates"]
    user = exchange(counted, "user", user="ann@example.org")
    assert user == ["POST owners", "POST owners", "POST certificates"]


@pytest.mark.azurite
def test_many_traces_are_a_few_calls(counted: CountedApplication) -> None:
    assert counted.recorder is not None
    counted.requests.clear()
    for number in range(90):
        with counted.recorder.transaction(profile="device", source="-", agent="-") as timeline:
            timeline.note("transaction", f"t{number}")
            timeline.note("device", f"dev-{number}")
    assert counted.recorder.flush(30)
    # A batch of the transactions and one of the devices; the first few may have gone before the rest came.
    assert 2 <= len(counted.requests) <= 4
    assert "POST $batch" in counted.requests


def enrol(host: Host, device: str) -> Message:
    message = enrolment(host, f"CN={device}", host.challenge(f"CN={device}", device=device))
    assert message.post(host).status is PKIStatus.SUCCESS
    return message


@pytest.mark.host
def test_the_command_tells_what_happened(host: Host) -> None:
    device = f"traced-{secrets.token_hex(4)}"
    message = enrol(host, device)
    (told,) = manage(host, "trace", message.transaction_id, "--json").json
    assert (told["status"], told["device"], told["source"]) == ("SUCCESS", device, "127.0.0.1")
    said = manage(host, "trace", message.transaction_id).said
    for word in ("SUCCESS", device, told["serial"], "challenge", "ms"):
        assert word in said
    assert manage(host, "trace", "--device", device, "--json").json == [told]
    assert manage(host, "trace", "--serial", told["serial"], "--json").json == [told]


@pytest.mark.host
def test_the_command_tells_why_not_and_what_to_change(host: Host) -> None:
    device = f"traced-{secrets.token_hex(4)}"
    message = enrolment(host, "CN=another", host.challenge(f"CN={device}", device=device))
    assert message.post(host).status is PKIStatus.FAILURE
    said = manage(host, "trace", message.transaction_id).said
    for word in (
        "FAILURE BAD_REQUEST",
        f"promised 'CN={device}', found 'CN=another'",
        "order of the challenge",
    ):
        assert word in said
    assert manage(host, "trace", "--device", device, "--json").json[0]["error"] == "ChallengeRejected"


@pytest.mark.host
def test_a_bundle_names_nobody(host: Host, tmp_path: Path) -> None:
    device = f"traced-{secrets.token_hex(4)}"
    message = enrol(host, device)
    file = tmp_path / "bundle.json"
    assert "1 traces" in manage(host, "trace", message.transaction_id, "--bundle", str(file)).said
    text = file.read_text("utf-8")
    assert (device in text, "127.0.0.1" in text) == (False, False)
    (kept,) = json.loads(text)["traces"]
    assert (kept["transaction"], kept["device"], kept["status"]) == (
        message.transaction_id,
        "device-1",
        "SUCCESS",
    )


@pytest.mark.host
def test_what_there_is_no_trace_of_is_told(host: Host) -> None:
    manage(host, "trace", "no-such-transaction").assert_refused("no trace of that")
    assert manage(host, "trace", "no-such-transaction", "--json").json == []
    assert manage(host, "trace").code == 2
    assert manage(host, "trace", "a", "--device", "b").code == 2


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Azurite.start(in_memory=True) as azurite:
        yield Site.make(tmp_path, azurite.connection_string)


@pytest.mark.host
def test_a_clean_end_right_after_loses_no_trace(site: Site) -> None:
    with site.running() as host:
        messages = [enrol(host, f"dev-{number}") for number in range(5)]
    with site.running() as host:
        for message in messages:
            (trace,) = host.manage("GET", "traces", id=message.transaction_id)["traces"]
            assert trace["status"] == "SUCCESS"
