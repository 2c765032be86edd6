"""Findings about tenants, from what timers noted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.record.health import Level
from shared.record.tenants import revocation_queue
from shared.store.directory import Note
from tests.scep.authority import NOW

GOOD = {"done": 3, "refused": 0, "unknown": 0, "failed": 0, "blocked": False, "goodAt": NOW.isoformat()}
HOUR = timedelta(hours=1)


def note(**content: Any) -> Note:
    return Note("default.revocations", NOW, {**GOOD, **content})


@pytest.mark.parametrize(
    ("content", "after", "level", "words"),
    [
        ({}, timedelta(0), Level.OK, "was emptied"),
        ({}, 2 * HOUR, Level.CRITICAL, "was last read 2026-11-21 12:00Z"),
        ({"unknown": 7}, timedelta(0), Level.WARNING, "7 certificates that are not on record"),
        ({"unknown": 500, "blocked": True}, timedelta(0), Level.CRITICAL, "no certificate of ours"),
        (
            {"problem": "HTTP 500", "error": "Unserved"},
            HOUR / 2,
            Level.WARNING,
            "HTTP 500; it last went well",
        ),
        ({"problem": "HTTP 500", "error": "Unserved"}, 2 * HOUR, Level.CRITICAL, "HTTP 500"),
        ({"problem": "HTTP 500", "goodAt": ""}, timedelta(0), Level.CRITICAL, "HTTP 500"),
    ],
)
def test_the_revocation_queue(content: dict[str, Any], after: timedelta, level: Level, words: str) -> None:
    (finding,) = revocation_queue("default", note(**content), NOW + after)
    assert (finding.subject, finding.level) == ("revocation queue default", level)
    assert words in finding.text
    assert bool(finding.remedy) is (level is not Level.OK)


def test_what_was_never_read_is_said_so() -> None:
    (finding,) = revocation_queue("default", None, NOW)
    assert finding.level is Level.WARNING


def test_the_remedy_fits_the_problem() -> None:
    problem = {"problem": "x: HTTP 401 (1), the identity lacks the role for it", "error": "IntuneUnavailable"}
    (finding,) = revocation_queue("default", note(**problem), NOW)
    assert "scep_challenge_provider" in finding.remedy
