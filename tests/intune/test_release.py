"""The success notification goes wrong: the certificate is revoked, the device hears FAILURE, and may come again."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest

from fakes.microsoft import Code, FakeIntune, Fault, Garbage, Hold, Lost, Reset, Slow, Status
from shared import wiring
from shared.errors import StoreUnavailable
from shared.intune.release import WITHDRAWN_BY
from shared.intune.reporting import GENERATIONS
from shared.scep.client import Reply
from shared.scep.message import FailInfo, PKIStatus
from shared.store.ports import Status as CertificateStatus
from tests.intune.scene import Scene

LASTING: list[Fault] = [
    *(Status(status) for status in (400, 401, 403, 404, 413, 500, 503)),
    Status(429, {"Retry-After": "77"}),
    Reset(),
    Lost(),
    Garbage(),
    Garbage(b'{"errorDescription":""}'),
    Code("ChallengeExpired"),
    Code("NoSuchCode"),
    Code("success"),
]


def refused(reply: Reply) -> None:
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    assert reply.fail_text == "The certificate was not released. Ask again."
    assert reply.certificates == ()


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: str(fault)[:60])
def test_what_is_not_acknowledged_is_revoked_and_never_sent(scene: Scene, fault: Fault) -> None:
    scene.fake.always(fault, "successNotification")
    refused(scene.device().ask())
    (record,) = scene.records
    assert record.status is CertificateStatus.REVOKED
    assert record.revocation is not None
    assert (record.revocation.by, record.revocation.reason) == (WITHDRAWN_BY, "cessationOfOperation")
    assert record.revocation.note
    # It goes on the CRL, and Intune, whose own call failed, is not told of a failure of ours.
    assert [change.serial for change in scene.app.store.changes(record.issuer, scene.app.now)] == [
        record.serial
    ]
    assert len(scene.app.queues["crl-requests"].sent) == 1
    assert list(scene.app.outboxes.reports()) == []


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: str(fault)[:60])
def test_the_same_message_again_is_a_new_issuance(scene: Scene, fault: Fault) -> None:
    """To the byte the same: the claim of what was withdrawn is not in its way."""
    device = scene.device()
    scene.fake.always(fault, "successNotification")
    refused(device.ask())
    scene.fake.always(None, "successNotification")
    scene.a_minute_passes()
    certificate = device.enrol()
    assert device.enrol().der == certificate.der
    states = {record.serial: record.status for record in scene.records}
    assert states.pop(certificate.serial_hex) is CertificateStatus.GOOD
    assert list(states.values()) == [CertificateStatus.REVOKED]
    assert scene.certificates_of_intune[-1] == certificate.serial_hex.upper()


ONCE: list[Sequence[Fault | None]] = [
    [Status(401)],
    [Status(404)],
    [Status(500)],
    [Status(503, {"Retry-After": "1"})],
    [Status(429, {"Retry-After": "1"})],
    [Reset()],
    [Lost()],
    [Garbage()],
    [Slow(0.3)],
    [Reset(), Reset()],
]


@pytest.mark.parametrize("faults", ONCE, ids=lambda faults: " ".join(map(str, faults))[:60])
def test_what_passes_within_the_time_is_not_felt(scene: Scene, faults: Sequence[Fault | None]) -> None:
    scene.fake.script("successNotification", *faults)
    certificate = scene.device().enrol()
    assert [record.status for record in scene.records] == [CertificateStatus.GOOD]
    assert set(scene.certificates_of_intune) == {certificate.serial_hex.upper()}


def test_a_service_that_moves_in_between_is_found_again(scene: Scene) -> None:
    hold = Hold(Event())
    scene.fake.script("validateRequest", None, hold)
    scene.device().enrol()
    scene.fake.graph.move()
    hold.gate.set()
    scene.device().enrol()
    assert {record.status for record in scene.records} == {CertificateStatus.GOOD}


def test_silence_is_a_failure_too(fake: FakeIntune) -> None:
    scene = Scene.make(fake, SCEPTER_INTUNE_SECONDS="4")
    wiring.use(scene.app)
    hold = Hold(Event())
    fake.always(hold, "successNotification")
    refused(scene.device().ask())
    hold.gate.set()
    assert [record.status for record in scene.records] == [CertificateStatus.REVOKED]
    wiring.use(None)
    scene.app.close()


def test_a_device_cannot_fill_the_crl_with_one_challenge(scene: Scene) -> None:
    scene.fake.always(Code("Unknown"), "successNotification")
    device = scene.device()
    for _ in range(GENERATIONS):
        refused(device.ask())
    reply = device.ask()
    assert (reply.status, reply.fail_text) == (PKIStatus.FAILURE, "The challenge was not accepted.")
    assert len(scene.records) == GENERATIONS


def test_what_was_revoked_for_another_reason_does_not_come_again(scene: Scene) -> None:
    device = scene.device()
    certificate = device.enrol()
    scene.app.revocations.revoke(scene.app.issuer.id, certificate.serial_hex, "keyCompromise", by="ann")
    assert device.ask().status is PKIStatus.FAILURE
    assert len(scene.records) == 1


def test_storage_away_while_withdrawing_is_still_a_failure_and_the_sweep_ends_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAILURE and never 503: a device that comes again soon would only be told the same."""
    scene.fake.always(Status(500), "successNotification")

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(scene.app.store, "set_revocation", away)
        refused(scene.device().ask())
    (record,) = scene.records
    assert record.status is CertificateStatus.GOOD
    (waiting,) = scene.app.outboxes.waiting()
    assert waiting.condemned


def test_no_answer_of_storage_about_the_acknowledgement_is_no_certificate(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intune knows of it, and the row says that it does not: nothing leaves until they agree."""
    device = scene.device()

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(scene.app.outboxes, "settle", away)
        assert device.send().status_code == 503
    assert len(list(scene.app.outboxes.waiting())) == 1
    certificate = device.enrol()
    assert scene.certificates_of_intune == [certificate.serial_hex.upper()] * 2
    assert list(scene.app.outboxes.waiting()) == []
