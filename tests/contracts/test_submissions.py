"""Submissions: what every store of them promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import MalformedMessage
from shared.store.submissions import Submission, Submissions

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def submission(number: int, issuer: str = "a" * 16) -> Submission:
    return Submission(
        id=f"{number:032x}",
        issuer=issuer,
        owner="user:ann+x@example.org",
        identity=f"renewal:01/{number}",
        subject="CN=Jürgen \\/ #1,O=Example",
        key_hash="ab" * 32,
        profile="device",
        sent_at=NOW + timedelta(seconds=number),
    )


def test_what_is_noted_is_found_and_listed(submissions: Submissions) -> None:
    noted = [submission(1), submission(2), submission(3, issuer="b" * 16)]
    for each in reversed(noted):
        submissions.note(each)
    assert list(submissions.all()) == noted
    assert submissions.find("a" * 16, noted[1].id) == noted[1]
    assert submissions.find("b" * 16, noted[1].id) is None


def test_a_note_replaces_the_one_before(submissions: Submissions) -> None:
    submissions.note(submission(1))
    refused = replace(submission(1), serial="0a", problem="another key")
    submissions.note(refused)
    submissions.note(refused)
    assert list(submissions.all()) == [refused]


def test_what_is_forgotten_is_gone_and_may_be_forgotten_again(submissions: Submissions) -> None:
    submissions.note(submission(1))
    submissions.note(submission(2))
    submissions.forget(submission(1))
    submissions.forget(submission(1))
    assert list(submissions.all()) == [submission(2)]


def test_a_long_problem_is_cut_and_a_long_subject_refused(submissions: Submissions) -> None:
    submissions.note(replace(submission(1), problem="x" * 5000))
    (found,) = submissions.all()
    assert found.problem == "x" * 1000
    with pytest.raises(MalformedMessage):
        submissions.note(replace(submission(2), subject="x" * 40_000))


def test_who_is_an_orphan() -> None:
    fresh = submission(0)
    assert not fresh.is_orphan(NOW + timedelta(minutes=5))
    assert fresh.is_orphan(NOW + timedelta(minutes=5, seconds=1))
    assert replace(fresh, problem="another key").is_orphan(NOW)
