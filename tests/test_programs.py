"""A program that is missing skips a test, and fails it where nothing may be left out."""

from __future__ import annotations

import pytest

from tests.programs import program

MISSING = "no-program-has-this-name"


def test_a_missing_program_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make system-packages"):
        program(MISSING)


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make system-packages"):
        program(MISSING)


def test_a_program_is_given_by_its_path() -> None:
    assert program("sh").endswith("/sh")
