"""GetCACaps and GetCACert in the timeline of the transaction that follows, as far as is known whose they were."""

from __future__ import annotations

import pytest

from shared.record.preludes import _MOST_ASKERS, _MOST_STEPS, Preludes

ANN, BOB = ("198.51.100.7", "a client", "device"), ("198.51.100.8", "a client", "device")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def preludes(clock: Clock) -> Preludes:
    return Preludes(clock)


def asked(preludes: Preludes, *names: str, asker: tuple[str, str, str] = ANN) -> None:
    for name in names:
        with preludes.step(asker, name):
            pass


def names(preludes: Preludes, asker: tuple[str, str, str] = ANN) -> list[str]:
    return [step.name for step in preludes.take(asker)]


def test_each_asker_has_its_own_and_gets_it_once(preludes: Preludes) -> None:
    asked(preludes, "caps", "ca-certificate")
    asked(preludes, "caps", asker=BOB)
    assert names(preludes) == ["caps", "ca-certificate"]
    assert names(preludes) == []
    assert names(preludes, BOB) == ["caps"]


def test_time_and_outcome_are_noted(preludes: Preludes, clock: Clock) -> None:
    with pytest.raises(KeyError), preludes.step(ANN, "ca-certificate"):
        clock.now += 0.25
        raise KeyError
    (step,) = preludes.take(ANN)
    assert (step.name, step.milliseconds, step.outcome) == ("ca-certificate", 250.0, "KeyError")


def test_what_was_asked_long_ago_belongs_to_nothing(preludes: Preludes, clock: Clock) -> None:
    asked(preludes, "caps")
    clock.now += 601
    asked(preludes, "ca-certificate")
    assert names(preludes) == ["ca-certificate"]
    asked(preludes, "caps")
    clock.now += 601
    assert names(preludes) == []


def test_neither_many_askers_nor_a_busy_one_fill_the_memory(preludes: Preludes) -> None:
    for number in range(_MOST_ASKERS + 1):
        asked(preludes, "caps", asker=(str(number), "", ""))
    assert names(preludes, ("0", "", "")) == []
    assert names(preludes, ("1", "", "")) == ["caps"]
    asked(preludes, *["caps"] * 20)
    assert len(names(preludes)) == _MOST_STEPS
