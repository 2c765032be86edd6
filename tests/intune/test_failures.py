"""Failures of ours after Intune allowed a request: noted, told by the timer, once, if they are failures still."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from fakes.microsoft import Code, Lost, Reset, Slow, Status
from shared import errors
from shared.errors import IssuanceFault, KeyUnavailable, PKIError, StoreUnavailable
from shared.intune.hresults import description_of, hresult_of
from shared.intune.reporting import COMES_AGAIN
from shared.intune.sweep import GIVE_UP_AFTER
from shared.scep.message import PKIStatus
from tests.intune.scene import Scene, bytes_told, sweep

UNSIGNED = {
    KeyUnavailable: 0x80090030,
    StoreUnavailable: 0x80070015,
    errors.Conflict: 0x800704D5,
    errors.PolicyViolation: 0x80094012,
    errors.AlgorithmRefused: 0x80090008,
    errors.ChallengeRejected: 0x80070005,
    errors.MalformedMessage: 0x8007000D,
    IssuanceFault: 0x8000FFFF,
}


def fails(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_request_that_policy_refuses_is_told(scene: Scene) -> None:
    device = scene.device("CN=Not_Allowed,O=Example")
    assert device.ask().status is PKIStatus.FAILURE
    assert scene.fake.scep.failures == []
    sweep()
    (told,) = scene.fake.scep.failures
    assert bytes_told(told) == device.request
    assert told["transactionId"] == device.transaction_id
    assert told["hResult"] == 0x80094012 - 2**32
    assert "The subject attribute" in told["errorDescription"]
    sweep()
    assert len(scene.fake.scep.failures) == 1


@pytest.mark.parametrize("method", ["claim", "commit"])
@pytest.mark.parametrize(
    "error", [StoreUnavailable("the store is away"), KeyUnavailable("the vault is away")]
)
def test_what_a_device_comes_again_for_is_told_when_it_did_not(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, method: str, error: PKIError
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(scene.app.store, method, fails(error))
        assert scene.device().send().status_code == 503
    sweep()
    assert scene.fake.scep.failures == []
    scene.app.now += COMES_AGAIN
    sweep()
    (told,) = scene.fake.scep.failures
    assert told["hResult"] == UNSIGNED[type(error)] - 2**32
    assert told["errorDescription"] == error.reason


def test_who_came_again_and_was_served_is_no_failure(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    device = scene.device()
    with monkeypatch.context() as patch:
        patch.setattr(scene.app.store, "commit", fails(StoreUnavailable("away")))
        assert device.send().status_code == 503
    device.enrol()
    scene.app.now += COMES_AGAIN
    sweep()
    assert (scene.fake.scep.failures, list(scene.app.outboxes.reports())) == ([], [])


@pytest.mark.parametrize("error", [IssuanceFault("lint says no"), RuntimeError("hunter2")])
def test_a_fault_of_ours_is_told_without_what_is_not_fit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(scene.app.store, "claim", fails(error))
        assert scene.device().send().status_code == 500
    sweep()
    (told,) = scene.fake.scep.failures
    assert told["hResult"] == 0x8000FFFF - 2**32
    assert told["errorDescription"] == description_of(error)
    assert "hunter2" not in json.dumps(told)


@pytest.mark.parametrize("act", ["validateRequest", "successNotification"])
@pytest.mark.parametrize("fault", [Status(500), Code("ChallengeExpired"), Reset(), Status(400)])
def test_what_intunes_own_calls_end_in_is_no_failure_of_ours(scene: Scene, act: str, fault: Any) -> None:
    scene.fake.always(fault, act)
    scene.device().send()
    scene.app.now += COMES_AGAIN
    sweep()
    assert scene.fake.acts("failureNotification") == []


@pytest.mark.parametrize("fault", [Status(500), Status(429), Reset(), Status(401), Slow(0.3), Lost()])
def test_a_failure_waits_until_intune_is_back(scene: Scene, fault: Any) -> None:
    for number in range(3):
        scene.device(f"CN=Not_Allowed{number},O=Example").ask()
    scene.fake.always(fault, "failureNotification")
    sweep()
    scene.fake.always(None, "failureNotification")
    scene.a_minute_passes()
    sweep()
    told = {each["transactionId"] for each in scene.fake.scep.failures}
    assert len(told) == 3
    assert list(scene.app.outboxes.reports()) == []


def test_while_intune_is_away_one_failure_finds_that_out(scene: Scene) -> None:
    for number in range(5):
        scene.device(f"CN=Not_Allowed{number},O=Example").ask()
    scene.fake.always(Status(429), "failureNotification")
    sweep()
    assert scene.fake.acts("failureNotification").count("failureNotification") <= 2
    assert len(list(scene.app.outboxes.reports())) == 5


@pytest.mark.parametrize("fault", [Code("Unknown"), Status(400), Status(413)])
def test_a_failure_that_intune_does_not_want_is_not_told_for_ever(scene: Scene, fault: Any) -> None:
    scene.device("CN=Not_Allowed,O=Example").ask()
    scene.fake.script("failureNotification", fault)
    sweep()
    assert list(scene.app.outboxes.reports()) == []


def test_after_a_day_a_failure_is_given_up_loudly(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.device("CN=Not_Allowed,O=Example").ask()
    scene.fake.always(Status(500), "failureNotification")
    scene.app.now += GIVE_UP_AFTER - timedelta(minutes=1)
    sweep()
    assert len(list(scene.app.outboxes.reports())) == 1
    scene.app.now += timedelta(minutes=1)
    with caplog.at_level(logging.ERROR):
        sweep()
    assert "was never told to Intune" in caplog.text
    assert list(scene.app.outboxes.reports()) == []


def test_storage_away_does_not_change_what_the_device_hears(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scene.app.outboxes, "add", fails(StoreUnavailable("away")))
    assert scene.device("CN=Not_Allowed,O=Example").ask().status is PKIStatus.FAILURE
    assert "cannot be reported to Intune" in caplog.text


def test_no_challenge_lies_in_storage(scene: Scene) -> None:
    challenge = scene.challenge("CN=Not_Allowed,O=Example")
    device = scene.device("CN=Not_Allowed,O=Example", challenge=challenge)
    device.ask()
    (report,) = scene.app.outboxes.reports()
    for part in (challenge.encode(), challenge[:64].encode(), device.request[:64]):
        assert part not in report.request
    assert challenge[:40] not in repr(vars(scene.app.outboxes))


def test_a_request_that_no_key_opens_any_more_is_let_go(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scene.device("CN=Not_Allowed,O=Example").ask()
    (report,) = scene.app.outboxes.reports()
    scene.app.outboxes.add(type(report)(**{**_fields(report), "request": report.request[:-1] + b"x"}))
    with caplog.at_level(logging.INFO):
        sweep()
    assert "SCEPTER_CHALLENGE_KEYS" in caplog.text
    assert (list(scene.app.outboxes.reports()), scene.fake.scep.failures) == ([], [])


def _fields(report: Any) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__slots__}


@pytest.mark.parametrize("kind", UNSIGNED)
def test_each_error_has_its_hresult(kind: type[PKIError]) -> None:
    assert hresult_of(kind("x")) == UNSIGNED[kind] - 2**32
    assert -(2**31) <= hresult_of(kind("x")) < 0


def test_without_a_tenant_the_timer_does_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.app.settings, "__dict__", {**vars(scene.app.settings), "intune": {}})
    monkeypatch.setattr(scene.app.outboxes, "waiting", fails(AssertionError()))
    sweep()
