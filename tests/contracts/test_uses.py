"""UseCounter: exact, whoever counts at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.store.ports import UseCounter
from tests.contracts import examples
from tests.contracts.backend import Backend


def test_uses_end_with_the_limit(use_counter: UseCounter) -> None:
    assert [use_counter.take("kiosk", f"request-{n}", 3) for n in range(5)] == [True] * 3 + [False] * 2


def test_a_repeat_does_not_count_again(use_counter: UseCounter) -> None:
    assert [use_counter.take("kiosk", "request-1", 2) for _ in range(4)] == [True] * 4
    assert use_counter.take("kiosk", "request-2", 2)
    assert not use_counter.take("kiosk", "request-3", 2)
    assert use_counter.take("kiosk", "request-1", 2)


def test_names_are_counted_apart(use_counter: UseCounter) -> None:
    assert use_counter.take("kiosk", "request-1", 1)
    assert use_counter.take("kiosk-2", "request-2", 1)
    assert not use_counter.take("kiosk", "request-2", 1)


def test_no_uses_are_no_uses(use_counter: UseCounter) -> None:
    assert not use_counter.take("kiosk", "request-1", 0)


def test_the_limit_may_be_raised_and_lowered(use_counter: UseCounter) -> None:
    assert use_counter.take("kiosk", "request-1", 1)
    assert not use_counter.take("kiosk", "request-2", 1)
    assert use_counter.take("kiosk", "request-2", 2)
    assert not use_counter.take("kiosk", "request-3", 1)
    assert use_counter.take("kiosk", "request-2", 1)


def test_another_worker_sees_what_was_taken(backend: Backend) -> None:
    first, second = backend.use_counter(), backend.use_counter()
    assert first.take("kiosk", "request-1", 3)
    assert second.take("kiosk", "request-2", 3)
    assert first.take("kiosk", "request-3", 3)
    assert second.take("kiosk", "request-3", 3)
    assert not second.take("kiosk", "request-4", 3)
    assert not backend.use_counter().take("kiosk", "request-4", 3)
    assert backend.use_counter().take("kiosk", "request-1", 3)


def test_a_worker_that_meets_the_name_first_counts_right(backend: Backend) -> None:
    taken = [backend.use_counter().take("kiosk", f"request-{n}", 3) for n in range(5)]
    assert taken == [True] * 3 + [False] * 2


@pytest.mark.parametrize("workers", [1, 3])
def test_sixteen_threads_take_exactly_the_limit(backend: Backend, workers: int) -> None:
    counters = [backend.use_counter() for _ in range(workers)]

    def take(number: int) -> bool:
        return counters[number % workers].take("kiosk", f"request-{number % 20}", 7)

    with ThreadPoolExecutor(16) as threads:
        taken = list(threads.map(take, range(40)))
    holders = {number % 20 for number, held in enumerate(taken) if held}
    assert len(holders) == 7
    assert [counters[0].take("kiosk", f"request-{n}", 7) for n in range(20)] == [
        n in holders for n in range(20)
    ]


@pytest.mark.parametrize("awkward", examples.AWKWARD_IDS, ids=lambda text: ascii(text)[:20])
def test_awkward_names_and_identities_count(use_counter: UseCounter, awkward: str) -> None:
    assert use_counter.take(awkward, awkward, 1)
    assert use_counter.take(awkward, awkward, 1)
    assert not use_counter.take(awkward, f"{awkward}.", 1)
