"""What the responder remembers: what is good, for a second at most; and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.errors import StoreUnavailable
from shared.revocation.standing import _MOST_REMEMBERED, RecordedStanding
from shared.store.memory import MemoryStore
from tests.revocation.desk import Desk
from tests.scep.authority import NOW

NOBODYS = "26aa" + "99" * 17


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_one_read_for_each_certificate_and_none_for_what_was_just_good(desk: Desk) -> None:
    record, other = desk.issue(), desk.issue()
    for ticks, serial, reads in (
        (0.0, record.serial, 1),
        (0.5, record.serial, 1),
        (0.5, other.serial, 2),
        (0.99, record.serial, 2),
        (1.0, record.serial, 3),
        (1.2, other.serial, 3),
        (1.5, other.serial, 4),
    ):
        desk.ticks = ticks
        assert desk.ask(serial).state == "good"
        assert desk.reads == reads, ticks


def test_a_revocation_is_seen_after_that_second(desk: Desk) -> None:
    record = desk.issue()
    assert desk.ask(record.serial).state == "good"
    desk.revoke(record)
    desk.ticks = 0.99
    assert desk.ask(record.serial).state == "good"
    desk.ticks = 1.0
    assert desk.ask(record.serial).state == "revoked"


def test_and_at_once_where_nobody_asked_before(desk: Desk) -> None:
    record = desk.issue()
    desk.revoke(record)
    assert desk.ask(record.serial).state == "revoked"


def test_with_nothing_remembered_it_is_always_seen_at_once() -> None:
    desk = Desk(good_seconds=0)
    record = desk.issue()
    assert desk.ask(record.serial).state == "good"
    desk.revoke(record)
    assert desk.ask(record.serial).state == "revoked"


def test_what_is_not_known_is_read_again_every_time(desk: Desk) -> None:
    for reads in (1, 2, 3):
        assert desk.ask(NOBODYS).state == "unknown"
        assert desk.reads == reads


def test_a_hold_is_read_again_every_time(desk: Desk) -> None:
    record = desk.issue()
    desk.revoke(record, "certificateHold")
    assert desk.ask(record.serial).state == "revoked"
    desk.revocations.lift(record.issuer, record.serial)
    assert desk.ask(record.serial).state == "good"


def test_the_second_counts_from_the_beginning_of_the_read(desk: Desk) -> None:
    """Else a slow read could hide a revocation for as long as it took and a second more."""
    record = desk.issue()

    def slow() -> None:
        desk.ticks += 0.8

    desk.watched.after["find"] = slow
    desk.ask(record.serial)
    desk.revoke(record)
    desk.ticks = 1.0
    assert desk.ask(record.serial).state == "revoked"


def test_a_failed_read_is_not_remembered(desk: Desk) -> None:
    record = desk.issue()

    def away() -> None:
        raise StoreUnavailable("away")

    desk.watched.before["find"] = away
    assert desk.ask(record.serial).error == "TRY_LATER"
    del desk.watched.before["find"]
    assert desk.ask(record.serial).state == "good"


def test_two_workers_over_one_store_each_remember_for_themselves() -> None:
    store = MemoryStore()
    one, other = Desk(store), Desk(store)
    record = one.issue()
    assert one.ask(record.serial).state == "good"
    one.revoke(record)
    assert other.ask(record.serial).state == "revoked"


class Everything:
    """A store where every serial is good."""

    def __init__(self, desk: Desk) -> None:
        self._record = desk.issue()

    def find(self, issuer: str, serial: str) -> object:
        return self._record


def test_memory_is_bounded_whoever_asks_for_whatever(desk: Desk) -> None:
    ticks: Callable[[], float] = lambda: 0.0  # noqa: E731
    standing = RecordedStanding("ca", Everything(desk), good_seconds=1, ticks=ticks)  # type: ignore[arg-type]
    for number in range(2 * _MOST_REMEMBERED + 5):
        standing.standing(f"{number:038x}", NOW)
    assert len(standing._good) <= _MOST_REMEMBERED


@pytest.mark.parametrize("seconds", [-1, 1.001, 60])
def test_good_is_not_remembered_for_longer(desk: Desk, seconds: float) -> None:
    with pytest.raises(ValueError, match="a second at most"):
        RecordedStanding("ca", desk.store, good_seconds=seconds, ticks=lambda: 0.0)
