"""Budget, breaker and locations by themselves, with clocks that tests move."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import IntuneUnavailable, PolicyViolation
from shared.intune.breaker import Breaker
from shared.intune.budget import remaining, within
from shared.intune.discovery import ServiceLocations
from shared.intune.wire import Answer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_ends_and_an_inner_one_cannot_prolong_it() -> None:
    assert remaining() > 1000
    with within(5):
        assert 4 < remaining() <= 5
        with within(100):
            assert remaining() <= 5
        with within(1):
            assert remaining() <= 1
        assert remaining() > 1
    assert remaining() > 1000


def test_a_budget_is_of_its_thread() -> None:
    with within(5), ThreadPoolExecutor(1) as thread:
        assert thread.submit(remaining).result() > 1000


def test_a_budget_that_is_spent_is_zero() -> None:
    with within(0):
        time.sleep(0.001)
        assert remaining() == 0


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(IntuneUnavailable, match="away"), breaker.guard():
            raise IntuneUnavailable("away")


def test_after_five_failures_one_at_a_time_tries() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    fail(breaker, 4)
    with breaker.guard():
        pass
    fail(breaker, 5)
    with pytest.raises(IntuneUnavailable, match=r"not asked.*away"), breaker.guard():
        raise AssertionError
    clock.now += 2
    fail(breaker, 1)
    with pytest.raises(IntuneUnavailable, match="not asked"), breaker.guard():
        raise AssertionError
    clock.now += 2
    with breaker.guard(), pytest.raises(IntuneUnavailable, match="not asked"), breaker.guard():
        raise AssertionError
    for _ in range(3):
        with breaker.guard():
            pass


def test_what_is_no_outage_does_not_count() -> None:
    breaker = Breaker(Clock())
    for _ in range(20):
        with pytest.raises(PolicyViolation), breaker.guard():
            raise PolicyViolation("no")
    with breaker.guard():
        pass


class Graph:
    """Lists one service at `url`."""

    def __init__(self, url: str) -> None:
        self.url, self.asked, self.lock = url, 0, threading.Lock()

    def get(self, _: str) -> Answer:
        with self.lock:
            self.asked += 1
        time.sleep(0.02)
        return Answer(200, {"value": [{"providerName": "Svc", "uri": f"{self.url}/"}]}, 30, "id")


def test_one_thread_asks_for_all() -> None:
    graph = Graph("https://a")
    locations = ServiceLocations(graph.get, "https://graph/list")
    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(lambda _: locations.locate("SVC"), range(16))) == {"https://a"}
    assert graph.asked == 1
    graph.url = "https://b"
    with ThreadPoolExecutor(16) as threads:
        moved = set(threads.map(lambda _: locations.relocate("svc", "https://a"), range(16)))
    assert moved == {"https://b"}
    assert graph.asked == 2


def test_graph_is_not_asked_again_and_again_in_vain() -> None:
    clock, graph = Clock(), Graph("https://a")
    locations = ServiceLocations(graph.get, "https://graph/list", clock)
    assert locations.locate("svc") == "https://a"
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: locations.relocate("svc", "https://a"), range(16)))
    assert (found.count("https://a"), found.count(None)) == (1, 15)
    assert graph.asked == 2
    clock.now += 10
    assert locations.relocate("svc", "https://a") == "https://a"
    assert graph.asked == 3


def test_who_waits_for_the_list_waits_no_longer_than_he_has() -> None:
    locations = ServiceLocations(Graph("https://a").get, "https://graph/list")
    with locations._lock, within(0.05), pytest.raises(IntuneUnavailable, match="others"):
        locations.locate("svc")
