"""Intune away, slow or out of its mind while it should decide: 503 and a time to come again, and nothing issued."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest

from fakes.microsoft import FakeIntune, Fault, Garbage, Hold, Lost, Reset, Slow, Status
from fakes.microsoft.entra import GRAPH_ROLE, SCEP_ROLE
from shared import wiring
from shared.scep.message import PKIStatus
from tests.intune.scene import Scene

LASTING: list[tuple[str, Fault]] = [
    *(
        (act, Status(status))
        for act in ("validateRequest", "discovery")
        for status in (401, 403, 404, 429, 500, 503)
    ),
    *(
        (act, fault)
        for act in ("validateRequest", "discovery")
        for fault in (Reset(), Garbage(), Garbage(b"[]"))
    ),
    ("validateRequest", Status(429, {"Retry-After": "77"})),
    ("validateRequest", Status(302, {"Location": "https://login.example.org"})),
    ("validateRequest", Garbage(b'{"errorDescription":""}')),
    ("validateRequest", Garbage(b'{"code":7}')),
    ("discovery", Garbage(b'{"value":7}')),
    ("token", Status(500)),
    ("token", Reset()),
    ("token", Garbage()),
    ("openid-configuration", Status(500)),
    ("openid-configuration", Garbage(b"{}")),
    ("openid-configuration", Garbage(b"[]")),
    ("openid-configuration", Garbage(b'{"token_endpoint":7,"issuer":7,"authorization_endpoint":7}')),
    ("token", Garbage(b"{}")),
    ("token", Garbage(b"[]")),
    ("token", Garbage(b'{"access_token":7,"expires_in":"x"}')),
    ("token", Status(400, body=b'{"error":"invalid_client","error_description":""}')),
    ("validateRequest", Garbage(b"[" * 100_000)),
    ("", Reset()),
]


@pytest.mark.parametrize(
    ("act", "fault"), LASTING, ids=[f"{act or 'all'} {fault}"[:60] for act, fault in LASTING]
)
def test_nobody_to_decide_is_a_503_and_nothing_is_issued(
    scene: Scene, act: str, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    device = scene.device()
    scene.fake.always(fault, *([act] if act else []))
    answer = device.send()
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 600
    assert (scene.records, list(scene.app.outboxes.waiting())) == ([], [])
    assert list(scene.app.outboxes.reports()) == []
    assert "IntuneUnavailable" in caplog.text or "Unserved" in caplog.text
    # It recovers by itself; whoever came in vain comes again.
    scene.fake.always(None, *([act] if act else []))
    scene.a_minute_passes()
    assert device.ask().status is PKIStatus.SUCCESS


def test_the_services_own_time_to_come_again_is_passed_on(scene: Scene) -> None:
    scene.fake.script("validateRequest", Status(429, {"Retry-After": "77"}))
    assert scene.device().send().headers["Retry-After"] == "77"


ONCE: list[Sequence[Fault | None]] = [
    [Status(401)],
    [Status(500)],
    [Status(503)],
    [Status(429, {"Retry-After": "1"})],
    [Reset()],
    [Lost()],
    [Garbage()],
    [Slow(0.3)],
    [Status(404)],
    [Reset(), Reset()],
    [Status(502), Status(404)],
]


@pytest.mark.parametrize("faults", ONCE, ids=lambda faults: " ".join(map(str, faults))[:60])
def test_what_passes_is_not_felt(scene: Scene, faults: Sequence[Fault | None]) -> None:
    scene.fake.script("validateRequest", *faults)
    assert scene.device().ask().status is PKIStatus.SUCCESS
    assert len(scene.records) == 1


def test_a_service_that_has_moved_is_found_again(scene: Scene) -> None:
    scene.device().enrol()
    scene.fake.graph.move()
    scene.device().enrol()
    assert scene.fake.acts("", "discovery").count("") == 1
    assert len(scene.certificates_of_intune) == 2


def test_a_role_that_is_granted_later_is_found_without_a_restart(scene: Scene) -> None:
    """Tokens from before the consent lack the role as long as they live."""
    scene.fake.entra.roles -= {SCEP_ROLE}
    device = scene.device()
    assert device.send().status_code == 503
    scene.a_minute_passes()
    scene.fake.entra.roles.add(SCEP_ROLE)
    assert device.ask().status is PKIStatus.SUCCESS
    scene.fake.entra.roles -= {GRAPH_ROLE}
    assert scene.device().ask().status is PKIStatus.SUCCESS


def test_a_service_that_does_not_answer_is_not_waited_for(fake: FakeIntune) -> None:
    """A setting says how long, all in all; here it is four seconds, so two for the decision."""
    scene = Scene.make(fake, SCEPTER_INTUNE_SECONDS="4")
    wiring.use(scene.app)
    hold = Hold(Event())
    fake.always(hold, "validateRequest")
    answer = scene.device().send()  # while the gate is closed
    hold.gate.set()
    assert answer.status_code == 503
    wiring.use(None)
    scene.app.close()


def test_who_waits_in_vain_does_not_keep_others_waiting(scene: Scene) -> None:
    """After some failures in a row only one request at a time tries, so that the others hold no place."""
    scene.fake.always(Status(500), "validateRequest")
    for _ in range(5):
        assert scene.device().send().status_code == 503
    scene.fake.calls.clear()
    for _ in range(20):
        assert scene.device().send().status_code == 503
    assert scene.fake.acts("validateRequest") == []
