"""A worker that dies, or two at once: Intune is told again before a repeat is answered, or all is withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from fakes.microsoft import Code, FakeIntune, Hold, Status
from shared import wiring
from shared.intune.release import WITHDRAWN_BY
from shared.intune.sweep import FORGET_AFTER, PATIENCE
from shared.scep.message import PKIStatus
from shared.store.ports import Status as CertificateStatus
from tests.ca.stores import Crash
from tests.intune.scene import Device, Scene, sweep

MINUTE = timedelta(minutes=1)


@pytest.fixture
def scene(fake: FakeIntune) -> Iterator[Scene]:
    scene = Scene.make(fake)
    wiring.use(scene.app)
    yield scene
    wiring.use(None)
    scene.app.close()


def crash(*_: object, **__: object) -> None:
    raise Crash


def dies(scene: Scene, device: Device, part: object, method: str) -> None:
    """The worker's process ends when it calls this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, method, crash)
        with pytest.raises(Crash):
            profile = scene.app.profiles.profiles[device.profile]
            scene.app.scep.pki_operation(device.der, profile, now=scene.app.now)


def states(scene: Scene) -> list[CertificateStatus]:
    return [record.status for record in scene.records]


def test_dead_between_commit_and_notification_a_repeat_tells_intune_first(scene: Scene) -> None:
    device = scene.device()
    client = scene.app.intune_clients["default"]
    dies(scene, device, client, "notify_success")
    (record,) = scene.records
    assert [waiting.serial for waiting in scene.app.outboxes.waiting()] == [record.serial]
    certificate = device.enrol()
    assert certificate.serial_hex == record.serial
    assert scene.certificates_of_intune == [record.serial.upper()]
    assert list(scene.app.outboxes.waiting()) == []


def test_dead_after_the_notification_intune_hears_of_it_twice_and_the_device_once(scene: Scene) -> None:
    device = scene.device()
    dies(scene, device, scene.app.outboxes, "settle")
    certificate = device.enrol()
    assert scene.certificates_of_intune == [certificate.serial_hex.upper()] * 2
    assert states(scene) == [CertificateStatus.GOOD]


@pytest.mark.parametrize("method", ["claim", "commit"])
def test_dead_before_the_commit_a_repeat_finishes_it(scene: Scene, method: str) -> None:
    device = scene.device()
    dies(scene, device, scene.app.store, method)
    assert scene.records == []
    certificate = device.enrol()
    assert scene.certificates_of_intune == [certificate.serial_hex.upper()]
    assert (states(scene), list(scene.app.outboxes.waiting())) == ([CertificateStatus.GOOD], [])


def test_a_repeat_whose_notification_fails_is_withdrawn_too(scene: Scene) -> None:
    device = scene.device()
    dies(scene, device, scene.app.intune_clients["default"], "notify_success")
    scene.fake.always(Status(500), "successNotification")
    assert device.ask().status is PKIStatus.FAILURE
    assert states(scene) == [CertificateStatus.REVOKED]


def test_a_challenge_that_has_ended_still_gets_what_it_got_in_time(scene: Scene) -> None:
    device = scene.device()
    first = device.enrol()
    scene.fake.always(Code("ChallengeExpired"), "validateRequest")
    assert device.enrol().der == first.der
    late = scene.device(number=1).ask()
    assert (late.status, late.fail_text) == (PKIStatus.FAILURE, "The challenge has expired.")


def test_after_its_end_too_intune_is_told_first(scene: Scene) -> None:
    device = scene.device()
    dies(scene, device, scene.app.intune_clients["default"], "notify_success")
    scene.fake.always(Code("ChallengeExpired"), "validateRequest")
    certificate = device.enrol()
    assert scene.certificates_of_intune == [certificate.serial_hex.upper()]


def test_after_its_end_what_was_withdrawn_does_not_come_again(scene: Scene) -> None:
    device = scene.device()
    scene.fake.script("successNotification", *[Status(500)] * 4)
    assert device.ask().status is PKIStatus.FAILURE
    scene.fake.always(Code("ChallengeExpired"), "validateRequest")
    assert device.ask().fail_text == "The challenge has expired."
    assert len(scene.records) == 1


def test_what_stays_unreported_is_revoked_after_half_an_hour(scene: Scene) -> None:
    device = scene.device()
    dies(scene, device, scene.app.intune_clients["default"], "notify_success")
    scene.app.now += PATIENCE - MINUTE
    sweep()
    assert states(scene) == [CertificateStatus.GOOD]
    scene.app.now += MINUTE
    sweep()
    (record,) = scene.records
    assert record.revocation is not None
    assert (record.status, record.revocation.by) == (CertificateStatus.REVOKED, WITHDRAWN_BY)
    assert len(scene.app.queues["crl-requests"].sent) == 1
    # Whoever comes now gets another one.
    certificate = device.enrol()
    assert certificate.serial_hex != record.serial
    assert scene.certificates_of_intune == [certificate.serial_hex.upper()]


def test_what_was_reported_is_left_alone_for_ever(scene: Scene) -> None:
    scene.device().enrol()
    for _ in range(3):
        scene.app.now += PATIENCE
        sweep()
    assert states(scene) == [CertificateStatus.GOOD]


def test_what_was_noted_and_never_committed_cannot_be_committed_after_the_sweep(scene: Scene) -> None:
    """A revoked record takes its serial: a worker that slept for half an hour loses its commit."""
    device = scene.device()
    dies(scene, device, scene.app.store, "commit")
    scene.app.now += PATIENCE
    sweep()
    (record,) = scene.records
    assert (record.status, record.certificate) == (CertificateStatus.REVOKED, None)
    certificate = device.enrol()
    assert certificate.serial_hex != record.serial


def test_the_sweep_may_be_repeated_and_tidies_up_in_the_end(scene: Scene) -> None:
    device = scene.device()
    dies(scene, device, scene.app.intune_clients["default"], "notify_success")
    scene.app.now += PATIENCE
    for _ in range(3):
        sweep()
    assert len(scene.app.queues["crl-requests"].sent) == 1
    (waiting,) = scene.app.outboxes.waiting()
    assert waiting.condemned
    scene.app.now += FORGET_AFTER
    sweep()
    assert list(scene.app.outboxes.waiting()) == []
    assert states(scene) == [CertificateStatus.REVOKED]


def test_the_sweep_ends_what_was_begun_to_be_withdrawn(scene: Scene) -> None:
    scene.fake.always(Status(500), "successNotification")
    dies(scene, scene.device(), scene.app.store, "set_revocation")
    assert states(scene) == [CertificateStatus.GOOD]
    scene.app.now += PATIENCE
    sweep()
    assert states(scene) == [CertificateStatus.REVOKED]


def test_a_repeat_ends_what_was_begun_to_be_withdrawn(scene: Scene) -> None:
    device = scene.device()
    scene.fake.always(Status(500), "successNotification")
    dies(scene, device, scene.app.store, "set_revocation")
    scene.fake.always(None, "successNotification")
    assert device.ask().status is PKIStatus.FAILURE
    assert states(scene) == [CertificateStatus.REVOKED]
    device.enrol()
    assert sorted(states(scene)) == [CertificateStatus.GOOD, CertificateStatus.REVOKED]


def test_two_workers_with_one_request_agree(scene: Scene) -> None:
    """Both tell Intune of the same certificate, and both send it."""
    device, hold = scene.device(), Hold(Event())
    scene.fake.script("successNotification", hold)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(device.send)
        assert hold.arrived.wait(30)
        second = device.enrol()
        hold.gate.set()
        assert device.read(first.result(30)).certificates[0].der == second.der
    assert scene.certificates_of_intune == [second.serial_hex.upper()] * 2
    assert (states(scene), list(scene.app.outboxes.waiting())) == ([CertificateStatus.GOOD], [])


def test_of_two_workers_the_one_that_fails_does_not_revoke_what_the_other_reported(scene: Scene) -> None:
    """The row is struck off: the certificate may be on the device already."""
    device, hold = scene.device(), Hold(Event(), then=Code("Unknown"))
    scene.fake.script("successNotification", hold)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(device.send)
        assert hold.arrived.wait(30)
        certificate = device.enrol()
        hold.gate.set()
        assert device.read(first.result(30)).status is PKIStatus.FAILURE
    assert states(scene) == [CertificateStatus.GOOD]
    assert device.enrol().der == certificate.der


def test_of_two_workers_the_one_that_succeeds_late_does_not_send_what_the_other_withdrew(
    scene: Scene,
) -> None:
    device, hold = scene.device(), Hold(Event())
    scene.fake.script("successNotification", hold)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(device.send)
        assert hold.arrived.wait(30)
        scene.fake.always(Code("Unknown"), "successNotification")
        assert device.ask().status is PKIStatus.FAILURE
        hold.gate.set()
        reply = device.read(first.result(30))
    assert (reply.status, reply.certificates) == (PKIStatus.FAILURE, ())
    assert states(scene) == [CertificateStatus.REVOKED]
