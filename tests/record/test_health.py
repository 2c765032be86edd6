"""Findings, their levels and remedies, and poison messages driven back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.errors import StoreUnavailable
from shared.record.health import Finding, Level, crl, ends, examine, parked, poison, worst
from shared.record.poison import Driven, Poison, PoisonMessage
from shared.store.devices import ParkedEvent
from shared.store.memory import MemoryQueue
from shared.store.memory_devices import MemoryParkedEvents
from tests.scep.authority import DAY, NOW

HOUR = timedelta(hours=1)


def level(findings: Iterator[Finding]) -> Level:
    (finding,) = findings
    assert bool(finding.remedy) is (finding.level is not Level.OK)
    return finding.level


@pytest.mark.parametrize(
    ("begun", "left", "expected"),
    [
        (DAY, 2 * DAY, Level.OK),
        (1.5 * DAY, 1.5 * DAY, Level.OK),
        (1.5 * DAY + 2 * HOUR, 1.5 * DAY - 2 * HOUR, Level.WARNING),
        (3 * DAY, timedelta(0), Level.CRITICAL),
    ],
)
def test_the_crl_by_its_age(begun: timedelta, left: timedelta, expected: Level) -> None:
    assert level(crl(NOW - begun, NOW + left, NOW)) is expected


def test_no_crl_is_critical() -> None:
    assert level(crl(None, None, NOW)) is Level.CRITICAL


@pytest.mark.parametrize(
    ("left", "expected"), [(31 * DAY, Level.OK), (29 * DAY, Level.WARNING), (timedelta(0), Level.CRITICAL)]
)
def test_a_certificate_by_what_is_left_of_it(left: timedelta, expected: Level) -> None:
    assert level(iter([ends("RA", NOW + left, NOW, remedy="renew it")])) is expected


def test_parked_events_are_counted_by_source() -> None:
    store = MemoryParkedEvents()
    assert level(parked(store)) is Level.OK
    for number, source in enumerate(("b", "a", "b")):
        store.park(ParkedEvent(source, str(number), "device:x", "wiped", NOW, "{}"))
    found = list(parked(store))
    assert [finding.text.split(" are")[0] for finding in found] == ["1 events of a", "2 events of b"]
    assert "--source a" in found[0].remedy


def test_a_check_that_fails_is_a_finding_and_the_others_are_told() -> None:
    def away() -> list[Finding]:
        raise StoreUnavailable("the table is away")

    def broken() -> list[Finding]:
        raise KeyError("secret")

    good = Finding("c", Level.OK, "fine")
    found = examine({"a": away, "b": broken, "c": lambda: [good]})
    assert [finding.text for finding in found] == [
        "cannot be checked: the table is away",
        "cannot be checked: KeyError",
        "fine",
    ]
    assert worst(found) is Level.CRITICAL
    assert worst([good]) is Level.OK
    assert worst([good, Finding("d", Level.WARNING, "soon", "do")]) is Level.WARNING


MESSAGE = {"version": 1, "id": "e"}


@pytest.fixture
def queues() -> tuple[MemoryQueue, MemoryQueue, Poison]:
    queue, kept = MemoryQueue(), MemoryQueue()
    return queue, kept, Poison(queue, kept)


def test_both_shapes_of_poison_go_back_and_begin_afresh(
    queues: tuple[MemoryQueue, MemoryQueue, Poison],
) -> None:
    queue, kept, both = queues
    kept.send(MESSAGE | {"attempt": 9, "firstTriedAt": "2026-01-01T00:00:00Z"})
    kept.send({"reason": "faulty", "message": json.dumps(MESSAGE)})
    assert [(each.reason, each.content is not None) for each in both.look(32)] == [
        ("", True),
        ("faulty", True),
    ]
    assert both.drive_back(32) == Driven(2, 0)
    assert [message for message, _ in queue.sent] == [MESSAGE, MESSAGE]
    assert both.length() == 0


def test_what_is_no_longer_whole_stays(queues: tuple[MemoryQueue, MemoryQueue, Poison]) -> None:
    queue, kept, both = queues
    kept.send({"reason": "unreadable", "message": json.dumps(MESSAGE)[:-3]})
    assert both.drive_back(32) == Driven(0, 1)
    assert (len(queue.sent), len(kept.sent)) == (0, 1)
    assert level(poison({"q": both})) is Level.CRITICAL
    kept.sent.clear()
    assert level(poison({"q": both})) is Level.OK


def test_a_message_is_sent_before_it_is_removed(queues: tuple[MemoryQueue, MemoryQueue, Poison]) -> None:
    queue, kept, both = queues
    kept.send(MESSAGE)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    queue.send = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        both.drive_back(32)
    assert len(kept.sent) == 1


@pytest.mark.parametrize("body", ["", "junk", "[]", "7", '"x"', "{", '{"reason": 1}'])
def test_any_body_can_be_looked_at(body: str) -> None:
    found = PoisonMessage.parse(body)
    assert (found.message, found.reason) == (body, "")
