"""The token bucket: never more than the rate, first come first served, halved by a no, and soon as before."""

from __future__ import annotations

import math
import threading
import time

import pytest

from shared.keys.throttle import BudgetSpent, Throttle
from tests.keys.ticking import Ticking


def throttle(rate: float = 10.0) -> tuple[Throttle, Ticking]:
    clock = Ticking()
    return Throttle(rate, clock=clock.now, sleep=clock.sleep), clock


def drain(bucket: Throttle, clock: Ticking, seconds: float, cost: float = 1.0) -> int:
    """How much is served to one who asks again and again for so long."""
    end, served = clock.time + seconds, 0
    while True:
        try:
            bucket.take(cost, end)
        except BudgetSpent:
            clock.time = end
            return served
        served += 1


def test_one_who_asks_now_and_then_never_waits() -> None:
    bucket, clock = throttle()
    for _ in range(50):
        bucket.take(1, clock.time)
        clock.time += 0.1
    assert clock.slept == []


@pytest.mark.parametrize("rate", [0.1, 1.0, 47.5, 380.0])
def test_whatever_is_asked_for_no_ten_seconds_have_more_than_the_rate_and_half_a_second(rate: float) -> None:
    bucket, clock = throttle(rate)
    clock.time += 3600  # what was not asked for is not saved up
    assert drain(bucket, clock, 10) <= max(rate * 10.5, 1 + rate * 10)
    assert drain(bucket, clock, 10) == pytest.approx(rate * 10, abs=1)


def test_a_process_that_was_held_up_does_not_make_up_for_it() -> None:
    """Its waiters wake all at once, and still pass one after the other."""
    bucket, clock = throttle(10)
    drain(bucket, clock, 1)
    tickets = [bucket._promise(1) for _ in range(60)]
    clock.time += 5
    passed = [ticket for ticket in tickets if bucket._left(ticket) == 0]
    assert len(passed) <= 6
    assert passed == tickets[: len(passed)]


def test_a_single_costly_thing_passes_however_slow_the_rate() -> None:
    bucket, clock = throttle(0.001)
    bucket.take(5, clock.time)
    with pytest.raises(BudgetSpent) as spent:
        bucket.take(5, clock.time + 10)
    assert spent.value.seconds == pytest.approx(5000)


def test_costs_are_weighed() -> None:
    bucket, clock = throttle(10)
    drain(bucket, clock, 1)
    assert drain(bucket, clock, 10, cost=5) == pytest.approx(20, abs=1)


def test_who_cannot_be_served_in_time_hears_at_once_how_long_it_is() -> None:
    bucket, clock = throttle(10)
    drain(bucket, clock, 1)
    before = clock.time
    with pytest.raises(BudgetSpent) as spent:
        bucket.take(100, before + 8)
    assert spent.value.seconds == pytest.approx(10, abs=0.1)
    assert clock.time == before
    bucket.take(1, before + 8)  # and is not in the way of others
    assert clock.time - before < 0.2


def test_the_more_were_sent_away_the_later_the_next_is_told_to_come() -> None:
    bucket, clock = throttle(10)
    drain(bucket, clock, 1)
    told = []
    for _ in range(20):
        with pytest.raises(BudgetSpent) as spent:
            bucket.take(10, clock.time + 0.5)
        told.append(spent.value.seconds)
    assert told == [pytest.approx(told[0] + number, abs=0.01) for number in range(20)]
    clock.time += 60  # they have come again, or given up
    drain(bucket, clock, 1)
    with pytest.raises(BudgetSpent) as spent:
        bucket.take(10, clock.time + 0.5)
    assert spent.value.seconds == pytest.approx(told[0], abs=0.2)


def test_a_no_stops_everything_and_halves_the_rate() -> None:
    bucket, clock = throttle(10)
    drain(bucket, clock, 2)
    assert bucket.slow_down(4, asked_at=clock.time)
    resumed = clock.time + 4
    bucket.take(1, clock.time + 60)
    assert clock.time == pytest.approx(resumed + 0.2, abs=0.01)
    assert bucket.factor == pytest.approx(0.5, abs=0.03)


def test_the_rate_recovers() -> None:
    bucket, clock = throttle(10)
    bucket.slow_down(0, asked_at=clock.time)
    slow, later = drain(bucket, clock, 2.5), drain(bucket, clock, 2.5)
    assert 14 <= slow <= 17
    assert 20 <= later <= 23
    assert bucket.factor == pytest.approx(1)
    assert drain(bucket, clock, 10) == pytest.approx(100, abs=2)


def test_many_noes_to_calls_that_were_on_their_way_count_once() -> None:
    bucket, clock = throttle(10)
    asked_at = clock.time
    clock.time += 1
    assert bucket.slow_down(1, asked_at=asked_at)
    for _ in range(10):
        assert not bucket.slow_down(1, asked_at=asked_at)
    assert bucket.factor == 0.5
    clock.time += 2
    assert bucket.slow_down(1, asked_at=clock.time)
    assert bucket.factor < 0.35


def test_it_never_quite_stops() -> None:
    bucket, clock = throttle(10)
    for _ in range(40):
        bucket.slow_down(0, asked_at=clock.time)
    assert bucket.factor == 1 / 16
    assert drain(bucket, clock, 10) >= 5


def test_without_a_limit_nobody_waits_but_after_a_no() -> None:
    bucket, clock = throttle(math.inf)
    for _ in range(1000):
        bucket.take(1, clock.time)
    assert clock.slept == []
    bucket.slow_down(3, asked_at=clock.time)
    bucket.take(1, clock.time + 5)
    assert clock.slept == [3]
    with pytest.raises(BudgetSpent):
        bucket.slow_down(9, asked_at=clock.time)
        bucket.take(1, clock.time + 5)


def test_threads_are_served_in_the_order_in_which_they_came() -> None:
    bucket, order, queued = Throttle(50), list[int](), threading.Semaphore(0)
    bucket.take(25, math.inf)

    def ask(number: int) -> None:
        ticket = bucket._promise(2)
        queued.release()
        while (left := bucket._left(ticket)) > 0:
            time.sleep(left)
        order.append(number)

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
        queued.acquire()
    for thread in threads:
        thread.join()
    assert order == sorted(order)


def test_many_threads_share_one_rate() -> None:
    bucket, served = Throttle(200), list[float]()

    def ask() -> None:
        for _ in range(10):
            bucket.take(1, math.inf)
            served.append(time.monotonic())

    started = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(served) == 300
    assert max(served) - started >= (300 - 100) / 200 - 0.01
