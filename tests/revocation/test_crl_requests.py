"""One request for a burst, and never one too few."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.errors import StoreUnavailable
from shared.revocation.crl_requests import PUBLISH_DELAY, CRLRequests
from shared.store.memory import MemoryQueue
from tests.revocation.authority import Authority
from tests.scep.authority import NOW

SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue()


def test_a_burst_is_one_request(queue: MemoryQueue, clock: Clock) -> None:
    requests = CRLRequests(queue, clock)
    for _ in range(1000):
        requests.ask("aa")
    assert len(queue.sent) == 1


def test_issuers_are_asked_for_apart(queue: MemoryQueue, clock: Clock) -> None:
    requests = CRLRequests(queue, clock)
    requests.ask("aa")
    requests.ask("bb")
    assert [message["issuer"] for message, _ in queue.sent] == ["aa", "bb"]


def test_every_change_is_covered_by_a_later_request(queue: MemoryQueue, clock: Clock) -> None:
    """Whenever a change is made, a request stands that is seen later and speaks for longer than that."""
    requests = CRLRequests(queue, clock)
    sent: list[tuple[datetime, datetime]] = []
    for _ in range(60):
        before = len(queue.sent)
        requests.ask("aa")
        if len(queue.sent) > before:
            message, delay = queue.sent[-1]
            sent.append((clock.now + timedelta(seconds=delay), datetime.fromisoformat(message["changedAt"])))
        assert any(visible - 2 * SECOND > until >= clock.now + SECOND for visible, until in sent)
        clock.now += SECOND
    assert len(sent) == 60 / 2


def test_a_request_that_could_not_be_sent_covers_nothing(queue: MemoryQueue, clock: Clock) -> None:
    requests = CRLRequests(queue, clock)
    send = queue.send

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    queue.send = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        requests.ask("aa")
    queue.send = send  # type: ignore[method-assign]
    requests.ask("aa")
    assert len(queue.sent) == 1


def test_what_is_revoked_after_a_request_was_sent_is_on_the_crl_it_asks_for() -> None:
    """Also when somebody else publishes in between: the request is not taken for covered."""
    ca = Authority()
    first, second = ca.issue(), ca.issue()
    ca.revoke(first)
    ca.now += SECOND
    ca.publisher.publish()
    ca.revoke(second)
    ((message, delay),) = ca.queue.sent
    ca.now = NOW + timedelta(seconds=delay)
    assert delay == PUBLISH_DELAY
    assert ca.publisher.publish_change(datetime.fromisoformat(message["changedAt"]))
    assert set(ca.listed()) == {first.serial, second.serial}
