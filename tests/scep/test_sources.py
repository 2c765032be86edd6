"""The rate of a source: kept for each, over a sliding window, in bounded memory whoever comes."""

from __future__ import annotations

import random
import threading
import tracemalloc
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import RateExceeded
from shared.scep.sources import MOST_SOURCES, SourceRate, network_of
from tests.memory import held

START = 1_700_000_040.0  # 20 s into a minute


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def accepted(rate: SourceRate, source: str, times: int = 1) -> int:
    """How many of `times` requests were taken."""
    taken = 0
    for _ in range(times):
        try:
            rate.count(source)
            taken += 1
        except RateExceeded:
            pass
    return taken


def test_each_source_has_its_own() -> None:
    rate = SourceRate("3/minute", clock=Clock())
    assert accepted(rate, "198.51.100.7", 10) == 3
    assert accepted(rate, "198.51.100.8", 10) == 3


def test_who_waits_as_long_as_told_is_served() -> None:
    clock = Clock()
    rate = SourceRate("3/minute", clock=clock)
    assert accepted(rate, "a", 3) == 3
    for _ in range(20):
        with pytest.raises(RateExceeded, match="source a: more than 3/minute") as refused:
            rate.count("a")
        assert 1 <= refused.value.retry_after <= 120
        clock.now += refused.value.retry_after
        rate.count("a")
        while accepted(rate, "a"):
            pass


def test_a_refused_request_does_not_count() -> None:
    clock = Clock()
    rate = SourceRate("3/minute", clock=clock)
    assert accepted(rate, "a", 1000) == 3
    clock.now += 120
    assert accepted(rate, "a", 1000) == 3


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), limit=st.integers(1, 20))
def test_over_any_time_it_is_about_the_rate(seed: int, limit: int) -> None:
    """The weighted count of two windows: never more than twice the limit in one, nor on average over many."""
    clock, chance = Clock(), random.Random(seed)
    rate = SourceRate(f"{limit}/minute", clock=clock)
    taken: list[float] = []
    while clock.now < START + 3600:
        clock.now += chance.expovariate(limit / 10)
        taken += [clock.now] * accepted(rate, "a")
    assert len(taken) <= 62 * limit
    for begin in taken:
        assert bisect_left(taken, begin + 60) - bisect_left(taken, begin) <= 2 * limit


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_a_source_is_who_holds_the_address(source: str, name: str) -> None:
    assert network_of(source) == name


def test_one_subscriber_is_one_source_whichever_address_it_takes() -> None:
    rate = SourceRate("3/minute", clock=Clock())
    assert sum(accepted(rate, f"2001:db8::{number:x}") for number in range(1, 50)) == 3
    assert accepted(rate, "2001:db8:0:1::1") == 1


def test_a_flood_of_addresses_takes_bounded_memory() -> None:
    rate = SourceRate("100/minute", clock=Clock())
    flood = [
        f"{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}.9" for number in range(3 * MOST_SOURCES)
    ]
    tracemalloc.start()
    try:
        for source in flood[:MOST_SOURCES]:
            rate.count(source)
        full = held("shared/scep/sources.py")
        for source in flood[MOST_SOURCES:]:
            rate.count(source)
        after = held("shared/scep/sources.py")
    finally:
        tracemalloc.stop()
    assert len(rate) == MOST_SOURCES
    assert 2**15 < full < 10 * 2**20
    assert after < 1.5 * full


def test_a_flood_does_not_wash_away_who_keeps_asking() -> None:
    rate = SourceRate("3/hour", most=100, clock=Clock())
    taken = 0
    for number in range(5000):
        taken += accepted(rate, "the-one")
        accepted(rate, f"other-{number}")
    assert taken == 3


def test_many_threads_share_one_count() -> None:
    rate = SourceRate("500/hour", clock=Clock())
    taken: list[int] = []
    threads = [threading.Thread(target=lambda: taken.append(accepted(rate, "a", 200))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 500


def test_no_thread_is_started_for_it() -> None:
    before = threading.active_count()
    accepted(SourceRate("3/second"), "a", 100)
    assert threading.active_count() == before
