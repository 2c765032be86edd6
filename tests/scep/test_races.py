"""Clients that repeat, hurry or cheat at the same moment, and storage that goes away in between."""

from __future__ import annotations

from functools import partial

import pytest

from shared.errors import Conflict, StoreUnavailable
from shared.scep.client import Reply, Requester, build_request, read_reply
from shared.scep.message import FailInfo, PKIStatus
from shared.scep.service import SCEPService
from tests.ca.stores import WatchedStore, in_threads
from tests.scep.authority import DAY, World, csr, key, self_signed

KEYS = 8


@pytest.fixture
def world() -> World:
    return World()


def over(world: World, store: WatchedStore) -> SCEPService:
    """A worker of its own over the world's storage."""
    return world.worker(store=store)


def serials(world: World) -> list[str]:
    return [record.serial for record in world.store.records(world.issuer.id)]


def outcome(replies: list[Reply]) -> tuple[set[bytes], int]:
    """The certificates handed out, and how many were refused."""
    issued = [reply.certificates[0].der for reply in replies if reply.status is PKIStatus.SUCCESS]
    refused = [reply for reply in replies if reply.status is PKIStatus.FAILURE]
    assert len(issued) + len(refused) == len(replies)
    assert {reply.fail_info for reply in refused} <= {FailInfo.BAD_REQUEST}
    return set(issued), len(refused)


def test_one_message_sent_a_hundred_times_at_once_is_one_certificate(world: World) -> None:
    message, transaction, nonce = build_request(
        csr(challenge=world.challenge()), self_signed(), world.ra.certificate
    )
    answers = in_threads(
        [partial(world.service.pki_operation, message, world.profile(), now=world.now)] * 100
    )
    replies = [
        read_reply(answer, self_signed(), world.ra.certificate, transaction_id=transaction, nonce=nonce)
        for answer in answers
    ]
    issued, refused = outcome(replies)
    assert (len(issued), refused, len(serials(world))) == (1, 0, 1)


def test_one_request_in_fresh_messages_is_one_certificate(world: World) -> None:
    """A retrying client makes a new transaction each time; its challenge makes it recognisable."""
    request = csr(challenge=world.challenge())
    issued, refused = outcome(in_threads([partial(world.send, request, self_signed())] * 30))
    assert (len(issued), refused, len(serials(world))) == (1, 0, 1)


def test_several_keys_under_one_challenge_are_one_certificate(world: World) -> None:
    challenge = world.challenge()
    requests = [
        partial(world.send, csr(challenge=challenge, number=number), self_signed(number))
        for number in range(KEYS)
    ]
    issued, refused = outcome(in_threads(requests * 4))
    assert (len(issued), len(serials(world))) == (1, 1)
    assert refused == 4 * (KEYS - 1)


def test_devices_that_enrol_at_once_get_one_certificate_each(world: World) -> None:
    requests = []
    for number in range(40):
        subject = f"CN=dev-{number},O=Example"
        challenge = world.challenge(subject, device=f"dev-{number}")
        request = csr(subject, challenge=challenge, number=number % KEYS)
        requests.append(partial(world.send, request, self_signed(number % KEYS)))
    issued, refused = outcome(in_threads(requests))
    assert (len(issued), refused, len(set(serials(world)))) == (40, 0, 40)


def test_a_renewal_sent_many_times_at_once_is_one_certificate(world: World) -> None:
    first = world.send(csr(challenge=world.challenge()), self_signed())
    device = Requester(first.certificates[0], key(0))
    world.now += 200 * DAY
    issued, refused = outcome(in_threads([partial(world.send, csr(number=1), device)] * 30))
    assert (len(issued), refused, len(serials(world))) == (1, 0, 2)
    assert len(list(world.store.due((world.now + 7 * DAY).date()))) == 1


@pytest.mark.parametrize("call", ["claim", "commit"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_storage_that_goes_away_is_passed_on_and_the_repeat_succeeds(
    world: World, call: str, when: str
) -> None:
    watched = WatchedStore(world.store)

    def away() -> None:
        raise StoreUnavailable("away")

    getattr(watched, when)[call] = away
    broken, healthy = over(world, watched), world.service
    request = csr(challenge=world.challenge())
    world.service = broken
    with pytest.raises(StoreUnavailable):
        world.send(request, self_signed())
    world.service = healthy
    assert world.send(request, self_signed()).status is PKIStatus.SUCCESS
    assert len(serials(world)) == 1


def test_a_renewal_whose_predecessor_could_not_be_noted_notes_it_on_the_repeat(world: World) -> None:
    first = world.send(csr(challenge=world.challenge()), self_signed())
    device = Requester(first.certificates[0], key(0))
    world.now += 200 * DAY
    real = world.store.remember
    failures = iter([True])

    def remember(supersession: object) -> None:
        if next(failures, False):
            raise StoreUnavailable("away")
        real(supersession)  # type: ignore[arg-type]

    world.store.remember = remember  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        world.send(csr(number=1), device)
    again = world.send(csr(number=1), device)
    assert again.status is PKIStatus.SUCCESS
    (noted,) = world.store.due((world.now + 7 * DAY).date())
    assert (noted.serial, noted.successor) == (
        device.certificate.serial_hex,
        again.certificates[0].serial_hex,
    )


def test_a_conflict_that_is_nobodys_fault_is_passed_on_for_another_try(world: World) -> None:
    """The claim conflicts, yet nothing is there: storage and we disagree, and the client may come again."""
    watched = WatchedStore(world.store)

    def conflict() -> None:
        raise Conflict("claim: the identity is taken")

    watched.before["claim"] = conflict
    world.service = over(world, watched)
    with pytest.raises(Conflict):
        world.send(csr(challenge=world.challenge()), self_signed())
    assert serials(world) == []


def test_a_device_that_is_wiped_while_it_enrols_gets_nothing(world: World) -> None:
    watched = WatchedStore(world.store)

    def wipe() -> None:
        for claim in list(world.store.owned_by("device:dev1")):
            world.revocations.revoke_claim(claim, "cessationOfOperation", by="wipe")

    watched.before["commit"] = wipe
    world.service = over(world, watched)
    reply = world.send(csr(challenge=world.challenge()), self_signed())
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    assert "revoked" not in reply.fail_text
