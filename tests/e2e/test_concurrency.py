"""Many at once: every client is served and on record, and one request is one certificate whoever serves it.

Whoever comes when all places are taken is told to come again (docs/load.md), and does; what it gets then is what
docs/issuance.md says: a repeat the same certificate, another key under a used challenge a refusal.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import pytest

from bench.fleet import KeyPool
from local.azurite import Azurite
from shared.scep.applicant import Applicant
from shared.scep.client import Reply
from shared.scep.message import FailInfo, PKIStatus
from shared.wiring import utc_now
from tests.e2e.host import Host
from tests.e2e.messages import Message, enrolment
from tests.e2e.site import Site

pytestmark = pytest.mark.host

CLIENTS, CROWD = 30, 100
KIOSK = """
[[static_challenges]]
name = "kiosk"
profiles = ["shared"]
expires = 2040-01-01
max_uses = 1
"""
KIOSK_SECRET = "the-secret-that-opens-once"
T = TypeVar("T")


@pytest.fixture(scope="module")
def second_host(host: Host) -> Iterator[Host]:
    """Another worker over the storage of `host`."""
    with host.site.beside().running() as running:
        yield running


@pytest.fixture(scope="module")
def kiosk_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with a shared secret that is good for one enrolment."""
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path_factory.mktemp("kiosk"), azurite.connection_string)
        with (site.folder / "profiles.toml").open("a") as policy:
            policy.write(KIOSK)
        with site.running(environment={"SCEPTER_STATIC_CHALLENGES__KIOSK": KIOSK_SECRET}) as running:
            yield running


def at_once(call: Callable[[int], T], clients: int = CLIENTS) -> list[T]:
    """`call` of each number, by as many threads, all beginning together."""
    barrier = Barrier(clients)

    def begin(number: int) -> T:
        barrier.wait(60)
        return call(number)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(begin, range(clients)))


def insist(host: Host, message: Message, profile: str = "device") -> Reply:
    """What the CertRep says, once the host has a place for the message."""
    while (answer := host.http.post(f"/scep/{profile}?operation=PKIOperation", content=message.der)).is_error:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        time.sleep(0.1)  # a device would wait as long as it is told
    return message.read(answer.content)


def serials(replies: list[Reply]) -> list[str]:
    """Of the certificates; anything but success fails the test."""
    assert [reply.fail_text for reply in replies if reply.status is not PKIStatus.SUCCESS] == []
    return [reply.certificates[0].serial_hex for reply in replies]


@lru_cache
def key_pool() -> KeyPool:
    return KeyPool(primes=10)


def by_many_keys(host: Host, subject: str, challenge: str) -> list[Message]:
    """As many requests for one subject under one challenge as there are clients, each with a key of its own."""
    made, applicant = [], Applicant.of(subject)
    for number in range(CROWD):
        key = key_pool().key(number)
        requester = applicant.self_signed(key, now=utc_now())
        made.append(Message.make(host, applicant.request(key, challenge=challenge), requester))
    return made


def check_one_winner(host: Host, messages: Sequence[Message], replies: Sequence[Reply], owner: str) -> None:
    """One got its certificate, which is the only one on record; all others know why they did not."""
    winners = [number for number, reply in enumerate(replies) if reply.status is PKIStatus.SUCCESS]
    assert len(winners) == 1
    certificate = replies[winners[0]].issued_to(messages[winners[0]].requester.certificate.spki)
    assert certificate is not None
    losers = [reply for number, reply in enumerate(replies) if number not in winners]
    assert {(reply.status, reply.fail_info) for reply in losers} == {
        (PKIStatus.FAILURE, FailInfo.BAD_REQUEST)
    }
    assert all(reply.fail_text for reply in losers)
    assert not any(reply.certificates for reply in losers)
    (record,) = host.records(**{"owner": owner} if owner else {})
    assert (record["serial"], record["status"]) == (certificate.serial_hex, "good")


def test_all_clients_are_served_and_on_record_and_no_serial_comes_twice(host: Host) -> None:
    prefix = secrets.token_hex(4)
    subjects = [f"CN=crowd-{prefix}-{number}" for number in range(CLIENTS)]
    requests = [
        enrolment(host, subject, host.challenge(subject, device=subject), number=number % 3)
        for number, subject in enumerate(subjects)
    ]
    issued = serials(at_once(lambda number: requests[number].post(host)))
    on_record = {record["serial"]: record["subject"] for record in host.records()}
    assert len(set(issued)) == CLIENTS
    assert [on_record[serial] for serial in issued] == subjects


def test_one_request_is_one_certificate_however_many_workers_are_asked_at_once(
    host: Host, second_host: Host
) -> None:
    device = f"twin-{secrets.token_hex(4)}"
    message = enrolment(host, f"CN={device}", host.challenge(f"CN={device}", device=device))
    issued = serials(at_once(lambda number: message.post((host, second_host)[number % 2])))
    assert len(set(issued)) == 1
    assert [record["serial"] for record in host.records(owner=f"device:{device}")] == issued[:1]


def test_a_hundred_duplicates_at_once_are_one_certificate_for_all_of_them(
    host: Host, second_host: Host
) -> None:
    device = f"duplicate-{secrets.token_hex(4)}"
    message = enrolment(host, f"CN={device}", host.challenge(f"CN={device}", device=device))
    issued = serials(at_once(lambda number: insist((host, second_host)[number % 2], message), CROWD))
    assert len(issued) == CROWD
    assert len(set(issued)) == 1
    assert [record["serial"] for record in host.records(owner=f"device:{device}")] == issued[:1]
    assert serials([message.post(host)]) == issued[:1]


def test_of_a_hundred_keys_under_one_challenge_one_is_certified(host: Host, second_host: Host) -> None:
    device = f"hundred-{secrets.token_hex(4)}"
    messages = by_many_keys(host, f"CN={device}", host.challenge(f"CN={device}", device=device))
    replies = at_once(lambda number: insist((host, second_host)[number % 2], messages[number]), CROWD)
    check_one_winner(host, messages, replies, f"device:{device}")


def test_of_a_hundred_keys_under_a_secret_for_one_use_one_is_certified(kiosk_host: Host) -> None:
    messages = by_many_keys(kiosk_host, "CN=kiosk", KIOSK_SECRET)
    replies = at_once(lambda number: insist(kiosk_host, messages[number], "shared"), CROWD)
    check_one_winner(kiosk_host, messages, replies, "")
    assert {reply.fail_text for reply in replies if reply.fail_text} == {"The challenge is used up."}


def test_of_two_keys_with_one_challenge_the_first_wins(host: Host, second_host: Host) -> None:
    device = f"race-{secrets.token_hex(4)}"
    challenge = host.challenge(f"CN={device}", device=device)
    requests = [enrolment(host, f"CN={device}", challenge, number=number) for number in range(3)]
    replies = at_once(lambda number: requests[number % 3].post((host, second_host)[number % 2]))
    winners = {reply.certificates[0].serial_hex for reply in replies if reply.certificates}
    assert [record["serial"] for record in host.records(owner=f"device:{device}")] == list(winners)
    assert {reply.status for reply in replies} == {PKIStatus.SUCCESS, PKIStatus.FAILURE}
    assert sum(bool(reply.certificates) for reply in replies) == CLIENTS // 3
