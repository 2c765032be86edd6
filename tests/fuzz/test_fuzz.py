"""Mutated messages through every reader and through the endpoint: refused as the asker's fault or answered, in flat
memory. `make fuzz` does it by the million; here are a few for every run, and 200,000 in `make test-long`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from shared import wiring
from tests.fuzz.blocks import MOST_GROWTH, Outcome, feed, plan, run
from tests.fuzz.targets import TARGETS, Finding, _fed

QUICK = {"parse": 600, "open": 250, "csr": 400, "endpoint": 200}
LONG = 200_000


@pytest.fixture(autouse=True)
def no_application() -> Iterator[None]:
    """The endpoint's target has put its own in the worker's place, for good in a process of its own."""
    yield
    wiring.use(None)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_unexpected_comes_of_a_mutated_message(target: str) -> None:
    block = feed(target, 8894, QUICK[target])
    assert block.fates.total() == QUICK[target]
    assert len(block.fates) >= 3, block.fates


def test_the_same_seed_makes_the_same_messages() -> None:
    first, second = (feed("parse", 7, 50).fates for _ in range(2))
    assert first == second


def test_whatever_is_not_the_askers_fault_is_found_with_its_message() -> None:
    def broken(data: bytes) -> str:
        raise KeyError(data[0])

    with pytest.raises(Finding, match=r"KeyError\(18\) for 1234"):
        _fed(broken, b"\x12\x34")


def test_a_plan_holds_every_target_and_every_message() -> None:
    blocks = plan(10_000, 1)
    assert sum(size for _, _, size in blocks) == 10_000
    assert {name for name, _, _ in blocks} == set(TARGETS)
    assert len({seed for _, seed, _ in blocks}) == len(blocks)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_two_hundred_thousand_mutated_messages_in_flat_memory() -> None:
    outcome, seed = Outcome(), secrets.randbits(32)
    for block in run(LONG, seed, os.cpu_count() or 1):
        outcome.add(block)
    assert outcome.total == LONG, f"seed {seed}"
    assert outcome.growth < MOST_GROWTH, f"seed {seed}"
