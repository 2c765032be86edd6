"""Renewal windows and graces."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.policy.periods import RenewalWindow, parse_grace

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=100)


@pytest.mark.parametrize(
    ("window", "day", "is_open"),
    [
        (30, 69, False),
        (30, 70, True),
        (30, 100, True),
        (30, 101, False),
        ("20%", 79, False),
        ("20%", 80, True),
        ("20%", 100, True),
        ("100%", 0, True),
        (200, 0, True),
        ("1%", 98, False),
    ],
)
def test_a_window_is_the_last_part_of_a_life(window: object, day: int, is_open: bool) -> None:
    assert RenewalWindow.parse(window).is_open(START, END, START + timedelta(days=day)) is is_open


@pytest.mark.parametrize("value", ["", "20", "0%", "101%", "20 %", "x", 0, -1, 3661, True, 1.5, None])
def test_what_is_no_window_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="renewal window"):
        RenewalWindow.parse(value)


@pytest.mark.parametrize(("value", "grace"), [("never", None), (0, timedelta(0)), (7, timedelta(days=7))])
def test_grace(value: object, grace: timedelta | None) -> None:
    assert parse_grace(value) == grace


@pytest.mark.parametrize("value", ["", "7", -1, 366, True, 1.5])
def test_what_is_no_grace_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="never"):
        parse_grace(value)
