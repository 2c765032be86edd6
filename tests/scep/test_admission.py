"""Places for enrolments: so many at a time, the next is refused at once, and a place given back is a place."""

from __future__ import annotations

import pytest

from shared.errors import DependencyError, Overloaded
from shared.scep.admission import Admission


def test_so_many_enter_and_the_next_does_not() -> None:
    admission = Admission(3)
    for _ in range(3):
        admission.enter()
    for _ in range(2):
        with pytest.raises(Overloaded, match="all 3 places"):
            admission.enter()
    admission.leave()
    admission.enter()
    with pytest.raises(Overloaded):
        admission.enter()


def test_a_refusal_takes_nothing() -> None:
    admission = Admission(1)
    admission.enter()
    for _ in range(10):
        with pytest.raises(Overloaded):
            admission.enter()
    admission.leave()
    admission.enter()


def test_a_place_that_nobody_took_is_not_given_back() -> None:
    with pytest.raises(ValueError, match="too many"):
        Admission(1).leave()


@pytest.mark.parametrize(("random", "seconds"), [(0.0, 5), (0.5, 10), (0.999, 15)])
def test_those_who_come_again_are_spread(random: float, seconds: int) -> None:
    admission = Admission(1, lambda: random)
    admission.enter()
    with pytest.raises(Overloaded) as full:
        admission.enter()
    assert full.value.retry_after == seconds


def test_it_is_told_like_an_absent_dependency() -> None:
    """503 with Retry-After over HTTP, and another try for a queue message."""
    assert issubclass(Overloaded, DependencyError)
