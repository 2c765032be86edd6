"""A request that waits for approval, as its device sees it: PENDING, CertPoll, and what became of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.scep.client import Requester
from shared.scep.message import FailInfo, MessageType, PKIStatus
from shared.store.pending import Decision
from shared.store.ports import Status
from tests.scep.authority import DAY, STATIC_SECRET, World, csr, key, self_signed
from tests.scep.pending_device import (
    NOT_APPROVED,
    NOT_KNOWN,
    PendingDevice,
    certificate,
    decide,
    refusal,
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def device(world: World) -> PendingDevice:
    """One whose request waits."""
    device = PendingDevice(world)
    assert device.submit().status is PKIStatus.PENDING
    return device


def test_it_waits_whatever_it_sends_and_is_one_request(world: World, device: PendingDevice) -> None:
    for reply in (device.submit(), device.poll(), device.submit(), device.poll()):
        assert (reply.status, reply.fail_info, reply.certificates) == (PKIStatus.PENDING, None, ())
    request = device.request
    assert (request.profile, request.device, request.vouched_by) == ("approved", "dev1", "sealed:tests")
    assert (request.requested_at, request.ends_at) == (world.now, world.now + 3 * DAY)
    assert list(world.store.records(world.issuer.id)) == []


@pytest.mark.parametrize("first", ["submit", "poll"])
def test_once_approved_it_is_issued_at_the_next_message_and_then_repeated(
    world: World, device: PendingDevice, first: str
) -> None:
    world.now += 2 * DAY
    decide(world, device.request, Decision.APPROVED)
    world.now += timedelta(hours=3)
    issued = certificate(device.poll() if first == "poll" else device.submit())
    assert issued.subject.text() == device.subject
    assert issued.spki == device.requester.certificate.spki
    assert (issued.not_before, issued.not_after) == (world.now - DAY, world.now + 364 * DAY)
    record = world.store.find(world.issuer.id, issued.serial_hex)
    assert record is not None
    assert (record.device, record.vouched_by) == ("dev1", "sealed:tests approved:ann")
    assert record.challenge_minted_at == device.request.challenge_minted_at
    for reply in (device.poll(), device.submit()):
        assert certificate(reply).der == issued.der
    assert len(list(world.store.records(world.issuer.id))) == 1


def test_it_is_what_it_would_have_been_without_approval(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.APPROVED)
    waited = certificate(device.poll())
    world.profiles.profiles["approved"] = world.profile("approved").model_copy(update={"approval": False})
    other = PendingDevice(world, transaction_id="transaction-2")
    at_once = certificate(other.submit())
    assert (waited.extensions, waited.subject, waited.not_after) == (
        at_once.extensions,
        at_once.subject,
        at_once.not_after,
    )


def test_a_repeat_ends_after_a_day(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.APPROVED)
    certificate(device.poll())
    world.now += DAY + timedelta(seconds=1)
    assert refusal(device.poll())[0] is FailInfo.BAD_REQUEST


def test_a_revoked_certificate_is_not_sent_again(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.APPROVED)
    issued = certificate(device.poll())
    world.revocations.revoke(world.issuer.id, issued.serial_hex, "keyCompromise", by="test")
    assert refusal(device.poll())[0] is FailInfo.BAD_REQUEST


def test_a_denied_request_stays_denied(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.DENIED)
    assert refusal(device.poll()) == NOT_APPROVED
    assert refusal(device.submit()) == NOT_APPROVED
    assert list(world.store.records(world.issuer.id)) == []


@pytest.mark.parametrize("decision", [None, *Decision])
def test_a_challenge_that_ends_meanwhile_does_not_end_its_request(
    world: World, device: PendingDevice, decision: Decision | None
) -> None:
    world.now += timedelta(hours=2)
    if decision:
        decide(world, device.request, decision)
    expected = {None: PKIStatus.PENDING, "approved": PKIStatus.SUCCESS, "denied": PKIStatus.FAILURE}
    for transaction in ("transaction-1", "transaction-1", "transaction-2"):
        device.transaction_id = transaction
        assert device.submit().status is expected[decision]
    stranger = PendingDevice(world, number=1, challenge=device.challenge, transaction_id="transaction-2")
    assert refusal(stranger.submit())[0] is FailInfo.BAD_REQUEST


def test_who_collected_in_time_is_answered_when_challenge_and_request_are_over(
    world: World, device: PendingDevice
) -> None:
    world.now += timedelta(days=2, hours=23)
    decide(world, device.request, Decision.APPROVED)
    world.now += timedelta(days=2, hours=23)
    issued = certificate(device.poll())
    world.now += timedelta(hours=2)
    world.decisions.purge(world.now)
    assert certificate(device.submit()).der == issued.der


def test_who_collected_is_not_asked_to_wait_again(world: World) -> None:
    """Its challenge lives on, its request was forgotten."""
    device = PendingDevice(world, profile="approved-static", challenge=STATIC_SECRET, subject="CN=old")
    device.submit()
    decide(world, device.request, Decision.APPROVED)
    world.now += timedelta(days=6, hours=23)
    issued = certificate(device.poll())
    world.now += timedelta(hours=2)
    assert world.decisions.purge(world.now) == 1
    assert certificate(device.submit()).der == issued.der
    world.now += DAY
    assert refusal(device.submit())[0] is FailInfo.BAD_REQUEST
    assert list(world.decisions.all(world.now)) == []


def test_a_poll_is_for_its_own_transaction_key_and_profile(world: World, device: PendingDevice) -> None:
    assert refusal(device.poll(transaction_id="transaction-2")) == NOT_KNOWN
    assert refusal(device.poll(profile="device")) == NOT_KNOWN
    device.requester = self_signed(1)
    assert refusal(device.poll()) == NOT_KNOWN


def test_a_challenge_waits_with_one_key_only(world: World, device: PendingDevice) -> None:
    thief = PendingDevice(world, number=1, challenge=device.challenge, transaction_id="transaction-2")
    assert refusal(thief.submit()) == (FailInfo.BAD_REQUEST, "The challenge was not accepted.")
    assert refusal(thief.poll()) == NOT_KNOWN
    decide(world, device.request, Decision.APPROVED)
    certificate(device.poll())
    assert refusal(thief.submit())[0] is FailInfo.BAD_REQUEST


def test_another_transaction_with_the_same_key_and_challenge_is_the_same_request(
    world: World, device: PendingDevice
) -> None:
    again = PendingDevice(world, challenge=device.challenge, transaction_id="transaction-2")
    assert again.submit().status is PKIStatus.PENDING
    assert again.request == device.request
    decide(world, device.request, Decision.APPROVED)
    assert certificate(again.submit()).der == certificate(device.poll()).der


@pytest.mark.parametrize("decision", [None, *Decision])
def test_a_fresh_challenge_is_a_fresh_request_though_transaction_and_key_are_the_same(
    world: World, device: PendingDevice, decision: Decision | None
) -> None:
    """As clients do whose transaction is a digest of their key."""
    if decision:
        decide(world, device.request, decision)
    device.challenge = world.challenge(device.subject, profile="approved")
    assert device.submit().status is PKIStatus.PENDING
    assert device.request.state == "pending"
    decide(world, device.request, Decision.APPROVED)
    assert certificate(device.poll()).subject.text() == device.subject


def test_what_was_approved_is_what_is_issued(world: World) -> None:
    device = PendingDevice(world, profile="approved-static", challenge=STATIC_SECRET, subject="CN=first")
    device.submit()
    decide(world, device.request, Decision.APPROVED)
    device.subject = "CN=second"
    assert certificate(device.submit()).subject.text() == "CN=first"


def test_a_request_is_over_in_time(world: World, device: PendingDevice) -> None:
    world.now += 3 * DAY - timedelta(seconds=1)
    assert device.poll().status is PKIStatus.PENDING
    world.now += timedelta(seconds=1)
    assert refusal(device.poll()) == NOT_KNOWN
    assert refusal(device.submit()) == (FailInfo.BAD_REQUEST, "The challenge has expired.")
    device.challenge = world.challenge(device.subject, profile="approved")
    assert device.submit().status is PKIStatus.PENDING


def test_with_a_challenge_that_lives_on_the_same_request_may_wait_again(world: World) -> None:
    device = PendingDevice(world, profile="approved-static", challenge=STATIC_SECRET, subject="CN=old")
    device.submit()
    decide(world, device.request, Decision.DENIED)
    world.now += 7 * DAY
    assert device.submit().status is PKIStatus.PENDING
    assert device.request.requested_at == world.now


def test_what_challenge_or_policy_refuse_does_not_wait(world: World) -> None:
    wrong = PendingDevice(world, challenge="wrong")
    assert refusal(wrong.submit())[0] is FailInfo.BAD_REQUEST
    other = PendingDevice(world, challenge=world.challenge("CN=dev2", profile="approved"))
    assert refusal(other.submit())[0] is FailInfo.BAD_REQUEST
    assert list(world.decisions.all(world.now)) == []


def test_a_renewal_needs_no_approval(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.APPROVED)
    holder = Requester(certificate(device.poll()), key(0))
    world.now += 200 * DAY
    renewed = world.send(csr(device.subject, number=1), holder, profile="approved")
    assert certificate(renewed).spki != holder.certificate.spki


@pytest.mark.parametrize("status", Status)
def test_a_certificate_that_speaks_for_a_new_key_must_live_until_the_end(
    world: World, status: Status
) -> None:
    """A PKCSReq may be signed by a live certificate for another key; its polls are signed by the same."""
    device = PendingDevice(world)
    first = world.send(csr(challenge=world.challenge()), self_signed())
    holder = Requester(certificate(first), key(0))
    device.number, device.requester = 1, holder
    assert device.submit().status is PKIStatus.PENDING
    assert device.poll().status is PKIStatus.PENDING
    decide(world, device.request, Decision.APPROVED)
    if status is not Status.GOOD:
        reason = "certificateHold" if status is Status.HELD else "keyCompromise"
        world.revocations.revoke(world.issuer.id, holder.certificate.serial_hex, reason, by="test")
        assert refusal(device.poll())[0] is FailInfo.BAD_CERT_ID
    else:
        assert certificate(device.poll()).spki == self_signed(1).certificate.spki


def test_nothing_on_record_holds_the_challenge(world: World, device: PendingDevice) -> None:
    stored = repr(world.requests._requests) + repr(world.requests._identities)
    assert device.request.identity in stored
    assert device.challenge not in stored
    assert repr(device.challenge.encode())[2:-1] not in stored


def test_a_profile_that_asks_no_more_issues_what_waits(world: World, device: PendingDevice) -> None:
    world.profiles.profiles["approved"] = world.profile("approved").model_copy(update={"approval": False})
    assert device.poll().status is PKIStatus.PENDING
    certificate(device.submit())


def test_sixteen_at_once_are_one_request_and_one_certificate(world: World) -> None:
    device = PendingDevice(world)
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(lambda _: device.submit(), range(16)))
        assert {reply.status for reply in replies} == {PKIStatus.PENDING}
        decide(world, device.request, Decision.APPROVED)
        replies = list(threads.map(lambda n: device.poll() if n % 2 else device.submit(), range(16)))
    assert len({certificate(reply).der for reply in replies}) == 1
    assert len(list(world.store.records(world.issuer.id))) == 1


def test_a_poll_where_nothing_is_approved_ever_is_not_known(world: World) -> None:
    reply = world.send(b"\x30\x00", self_signed(), kind=MessageType.CERT_POLL, transaction_id="any")
    assert refusal(reply) == NOT_KNOWN
