"""PKIOperation from bytes to bytes, against the store in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.scep.client import Requester
from shared.scep.message import FailInfo, MessageType, PKIStatus
from tests.scep.authority import DAY, STATIC_SECRET, World, csr, key, self_signed


@pytest.fixture
def world() -> World:
    return World()


def enrol(world: World, challenge: str | None = None) -> Requester:
    """Enrol dev1 and give what it signs with afterwards."""
    reply = world.send(csr(challenge=challenge or world.challenge()), self_signed())
    assert reply.status is PKIStatus.SUCCESS, reply
    return Requester(reply.certificates[0], key(0))


def test_a_promised_device_gets_its_certificate(world: World) -> None:
    reply = world.send(csr(challenge=world.challenge()), self_signed())
    assert reply.status is PKIStatus.SUCCESS
    certificate = reply.certificates[0]
    assert certificate.subject.text() == "CN=dev1,O=Example"
    assert reply.certificates[1].der == world.issuer.certificate.der
    record = world.store.find(world.issuer.id, certificate.serial_hex)
    assert record is not None
    assert record.certificate == certificate.der
    assert (record.device, record.vouched_by) == ("dev1", "sealed:tests")


def test_the_same_request_again_gets_the_same_certificate(world: World) -> None:
    challenge = world.challenge()
    first, second = enrol(world, challenge), enrol(world, challenge)
    assert first.certificate.der == second.certificate.der


def test_a_used_challenge_with_another_key_is_refused(world: World) -> None:
    challenge = world.challenge()
    enrol(world, challenge)
    reply = world.send(csr(challenge=challenge, number=1), self_signed(1))
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)


def test_a_wrong_subject_is_refused_in_general_words(world: World) -> None:
    reply = world.send(csr("CN=dev2,O=Example", challenge=world.challenge()), self_signed())
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    assert "dev1" not in reply.fail_text
    assert "subject" in reply.fail_text.lower()


@pytest.mark.parametrize("kind", [MessageType.RENEWAL_REQ, MessageType.PKCS_REQ])
def test_a_renewal_in_the_window_gets_a_new_certificate(world: World, kind: MessageType) -> None:
    device = enrol(world)
    world.now += 200 * DAY
    reply = world.send(csr(number=1), device, kind=kind)
    assert reply.status is PKIStatus.SUCCESS
    assert reply.certificates[0].serial != device.certificate.serial


def test_a_renewal_with_the_same_transaction_and_key_is_a_new_certificate_and_a_lost_reply_is_not(
    world: World,
) -> None:
    challenge = world.challenge()
    reply = world.send(csr(challenge=challenge), self_signed(), transaction_id="fixed")
    device = Requester(reply.certificates[0], key(0))
    world.now += 200 * DAY
    renewed = world.send(csr(), device, transaction_id="fixed")
    again = world.send(csr(), device, transaction_id="fixed")
    assert renewed.status is PKIStatus.SUCCESS
    assert renewed.certificates[0].serial != device.certificate.serial
    assert again.certificates[0].der == renewed.certificates[0].der


def test_too_early_without_a_challenge_is_refused_and_with_one_is_an_enrolment(world: World) -> None:
    device = enrol(world)
    early = world.send(csr(), device)
    assert (early.status, early.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    assert "early" in early.fail_text
    enrolled = world.send(csr(challenge=world.challenge()), device)
    assert enrolled.status is PKIStatus.SUCCESS
    assert enrolled.certificates[0].serial != device.certificate.serial


def test_a_revoked_certificate_neither_renews_nor_repeats(world: World) -> None:
    challenge = world.challenge()
    device = enrol(world, challenge)
    world.revocations.revoke(world.issuer.id, device.certificate.serial_hex, "keyCompromise", by="test")
    repeat = world.send(csr(challenge=challenge), self_signed())
    assert repeat.status is PKIStatus.FAILURE
    world.now += 200 * DAY
    renewal = world.send(csr(number=1), device)
    assert (renewal.status, renewal.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_CERT_ID)


def test_a_late_repeat_of_a_served_challenge_gets_its_certificate_until_a_day_has_passed(
    world: World,
) -> None:
    challenge = world.challenge()
    device = enrol(world, challenge)
    world.now += timedelta(hours=2)
    late = world.send(csr(challenge=challenge), self_signed())
    assert late.certificates[0].der == device.certificate.der
    world.now += DAY
    too_late = world.send(csr(challenge=challenge), self_signed())
    assert too_late.status is PKIStatus.FAILURE


def test_a_signer_that_is_not_the_requested_key_is_refused(world: World) -> None:
    reply = world.send(csr(challenge=world.challenge()), self_signed(1))
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_MESSAGE_CHECK)


def test_legacy_algorithms_are_refused_by_name_unless_the_profile_takes_them(world: World) -> None:
    refused = world.send(csr(challenge=world.challenge()), self_signed(), cipher="des-ede3-cbc")
    assert (refused.status, refused.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_ALG)
    taken = world.send(
        csr(challenge=STATIC_SECRET, subject="CN=old"), self_signed(), cipher="des-ede3-cbc", profile="static"
    )
    assert taken.status is PKIStatus.SUCCESS


def test_a_renewal_sets_its_predecessor_on_the_list_to_supersede(world: World) -> None:
    device = enrol(world)
    world.now += 200 * DAY
    world.send(csr(number=1), device)
    due = list(world.store.due((world.now + 7 * DAY).date()))
    assert [each.serial for each in due] == [device.certificate.serial_hex]
    assert list(world.store.due((world.now + 6 * DAY).date())) == []
