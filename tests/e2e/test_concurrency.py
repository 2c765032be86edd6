"""Many at once: every client is served and on record, and one request is one certificate whoever serves it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from shared.scep.client import Reply
from shared.scep.message import PKIStatus
from tests.e2e.host import Host
from tests.e2e.messages import enrolment

pytestmark = pytest.mark.host

CLIENTS = 30
T = TypeVar("T")


@pytest.fixture(scope="module")
def second_host(host: Host) -> Iterator[Host]:
    """Another worker over the storage of `host`."""
    with host.site.beside().running() as running:
        yield running


def at_once(call: Callable[[int], T]) -> list[T]:
    """`call` of each number, by as many threads, all beginning together."""
    barrier = Barrier(CLIENTS)

    def begin(number: int) -> T:
        barrier.wait(60)
        return call(number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(begin, range(CLIENTS)))


def serials(replies: list[Reply]) -> list[str]:
    """Of the certificates; anything but success fails the test."""
    assert [reply.fail_text for reply in replies if reply.status is not PKIStatus.SUCCESS] == []
    return [reply.certificates[0].serial_hex for reply in replies]


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


def test_of_two_keys_with_one_challenge_the_first_wins(host: Host, second_host: Host) -> None:
    device = f"race-{secrets.token_hex(4)}"
    challenge = host.challenge(f"CN={device}", device=device)
    requests = [enrolment(host, f"CN={device}", challenge, number=number) for number in range(3)]
    replies = at_once(lambda number: requests[number % 3].post((host, second_host)[number % 2]))
    winners = {reply.certificates[0].serial_hex for reply in replies if reply.certificates}
    assert [record["serial"] for record in host.records(owner=f"device:{device}")] == list(winners)
    assert {reply.status for reply in replies} == {PKIStatus.SUCCESS, PKIStatus.FAILURE}
    assert sum(bool(reply.certificates) for reply in replies) == CLIENTS // 3
