"""Mode "intune" through the SCEP endpoint, the real HTTP stack and the fake: allowed, acknowledged, then sent."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from fakes.microsoft import Hold
from shared.scep.client import Requester
from shared.scep.message import FailInfo, PKIStatus
from shared.x509.certificate import Certificate
from tests.intune.scene import DEVICE, SUBJECT, Scene, bytes_told, device_uri, upn
from tests.scep.authority import csr, key, self_signed

CALLS = ("validateRequest", "successNotification", "failureNotification")


def test_a_device_with_a_challenge_of_intune_enrols(scene: Scene) -> None:
    device = scene.device()
    certificate = device.enrol()
    assert certificate.subject.text() == SUBJECT
    assert scene.fake.acts(*CALLS) == ["validateRequest", "successNotification"]
    (record,) = scene.records
    assert (record.certificate, record.vouched_by) == (certificate.der, "intune:default")
    assert list(scene.app.outboxes.waiting()) == []


def test_intune_sees_the_request_byte_for_byte(scene: Scene) -> None:
    device = scene.device()
    device.enrol()
    (validated,) = [call for call in scene.fake.calls if call.act == "validateRequest"]
    assert bytes_told(validated.document["request"]) == device.request
    assert validated.document["request"]["transactionId"] == device.transaction_id
    (told,) = scene.fake.scep.successes
    assert bytes_told(told) == device.request


def test_intune_is_told_what_was_issued(scene: Scene) -> None:
    device = scene.device()
    certificate = device.enrol()
    (told,) = scene.fake.scep.successes
    assert told == {
        "transactionId": device.transaction_id,
        "certificateRequest": told["certificateRequest"],
        "callerInfo": "Scepter",
        "certificateThumbprint": hashlib.sha1(certificate.der).hexdigest().upper(),
        "certificateSerialNumber": certificate.serial_hex.upper(),
        "certificateExpirationDateUtc": f"{certificate.not_after:%Y-%m-%dT%H:%M:%S}.000Z",
        "issuingCertificateAuthority": certificate.issuer.text(),
        "caConfiguration": scene.app.issuer.id,
        "certificateAuthority": certificate.issuer.text(),
    }


def test_nothing_leaves_before_intune_has_acknowledged_it(scene: Scene) -> None:
    """While Intune has not answered, the certificate is on record, noted as unreported, and the device waits."""
    hold = Hold(Event())
    scene.fake.script("successNotification", hold)
    device = scene.device()
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(device.send)
        assert hold.arrived.wait(30)
        (record,) = scene.records
        (waiting,) = scene.app.outboxes.waiting()
        assert (waiting.serial, waiting.condemned) == (record.serial, False)
        assert not answer.done()
        assert scene.certificates_of_intune == []
        hold.gate.set()
        certificate = device.read(answer.result(30)).certificates[0]
    assert scene.certificates_of_intune == [certificate.serial_hex.upper()]
    assert list(scene.app.outboxes.waiting()) == []


def test_nothing_is_signed_before_intune_has_allowed_it(scene: Scene) -> None:
    hold = Hold(Event())
    scene.fake.script("validateRequest", hold)
    device = scene.device()
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(device.send)
        assert hold.arrived.wait(30)
        assert list(scene.app.store.owned_by("device:dev1")) == []
        assert (scene.records, answer.done()) == ([], False)
        hold.gate.set()
        assert device.read(answer.result(30)).status is PKIStatus.SUCCESS


def test_a_repeat_gets_the_same_certificate_and_intune_hears_of_it_once(scene: Scene) -> None:
    device = scene.device()
    first, second = device.enrol(), device.enrol()
    assert first.der == second.der
    assert scene.fake.acts(*CALLS) == ["validateRequest", "successNotification", "validateRequest"]
    assert len(scene.records) == 1


def test_the_same_challenge_with_another_key_is_intunes_to_judge(scene: Scene) -> None:
    challenge = scene.challenge()
    first = scene.device(challenge=challenge).enrol()
    second = scene.device(challenge=challenge, number=1).enrol()
    assert first.key_hash != second.key_hash
    assert len(scene.certificates_of_intune) == 2


def test_a_live_certificate_does_not_renew_by_itself(scene: Scene) -> None:
    """Every request goes to Intune, so it needs a challenge."""
    certificate = scene.device().enrol()
    signer = Requester(certificate, key(0))
    reply = scene.with_request(csr(SUBJECT, number=1), signer).ask()
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    renewed = scene.with_request(csr(SUBJECT, challenge=scene.challenge(), number=1), signer).enrol()
    assert renewed.key_hash != certificate.key_hash
    assert scene.fake.acts(*CALLS).count("validateRequest") == 2


def test_without_a_challenge_nobody_is_asked(scene: Scene) -> None:
    reply = scene.with_request(csr(SUBJECT), self_signed()).ask()
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    assert scene.fake.calls == []


def test_a_device_is_found_by_the_id_in_its_names(scene: Scene) -> None:
    certificate = scene.device(sans=[device_uri()]).enrol()
    (record,) = scene.records
    assert (record.device, record.user) == (DEVICE, "")
    (claim,) = scene.app.store.owned_by(f"device:{DEVICE}")
    assert claim.serial == certificate.serial_hex


def test_a_user_is_found_by_user_and_by_device(scene: Scene) -> None:
    sans = [upn("ann@example.org"), device_uri()]
    certificate = scene.device("CN=Ann", sans=sans, profile="intune-user").enrol()
    (record,) = scene.records
    assert (record.device, record.user) == (DEVICE, "ann@example.org")
    for owner in (f"device:{DEVICE}", "user:ann@example.org"):
        assert [claim.serial for claim in scene.app.store.owned_by(owner)] == [certificate.serial_hex]


def test_other_modes_have_nothing_to_do_with_it(scene: Scene) -> None:
    certificate = scene.with_request(
        csr("CN=dev1", challenge="static-secret-of-the-tests"), self_signed(), profile="static"
    ).enrol()
    assert isinstance(certificate, Certificate)
    assert (scene.fake.calls, list(scene.app.outboxes.waiting())) == ([], [])


@pytest.mark.parametrize("size", [300, 2048, 4096, 8192])
def test_challenges_of_any_usual_size_pass(scene: Scene, size: int) -> None:
    challenge = scene.challenge(size=size)
    assert len(challenge) >= size
    assert scene.device(challenge=challenge).enrol().subject.text() == SUBJECT
