"""Every remedy belongs to a reason that the code really gives, and the usual mishaps have one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from shared.record.remedies import REMEDIES, remedy
from tests.contracts.examples import trace
from tests.record.world import traced
from tests.scep.authority import DAY, World, csr, key, self_signed

SHARED = Path(__file__).resolve().parents[2] / "shared"
# Functions that make an error, and which: their first argument begins the reason.
ANY = "any error"
MAKERS = {"refusal": "PolicyViolation", "_mismatch": "ChallengeRejected", "Verdict": "IntuneRejection"}


@cache
def reasons() -> frozenset[tuple[str, str]]:
    """(error, reason) of every error that the code makes, with 1 for each value put into a reason."""
    return frozenset(
        found for path in SHARED.rglob("*.py") for found in _reasons(ast.parse(path.read_text("utf-8")))
    )


def _reasons(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            yield MAKERS.get(node.func.id, node.func.id), _text(node.args[0])
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reason":
            yield ANY, _text(node.value)  # of the error in the next line


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return "1"


@pytest.mark.parametrize(("error", "cause", "advice"), REMEDIES)
def test_the_code_gives_such_a_reason(error: str, cause: str, advice: str) -> None:
    given = [reason for kind, reason in reasons() if kind in (error, ANY)]
    # Where every reason will do, the error itself must be one of the code's.
    assert [reason for reason in given if re.search(cause, reason)] or (
        not cause and f"class {error}(" in (SHARED / "errors.py").read_text("utf-8")
    )
    assert advice


@pytest.mark.parametrize("index", range(len(REMEDIES)))
def test_no_remedy_is_hidden_by_one_before_it(index: int) -> None:
    error, cause, _ = REMEDIES[index]
    before = [earlier for kind, earlier, _ in REMEDIES[:index] if kind == error]
    mine = [reason for kind, reason in reasons() if kind == error and re.search(cause, reason)]
    assert not mine or [reason for reason in mine if not any(re.search(other, reason) for other in before)]


def test_what_went_well_needs_none() -> None:
    assert remedy(replace(trace(), status="SUCCESS", error="", cause="")) == ""


def test_who_waits_is_told_for_whom() -> None:
    assert "manage.py request" in remedy(replace(trace(), status="PENDING", error="", cause=""))


def test_what_nobody_knows_has_none() -> None:
    assert remedy(replace(trace(), error="KeyError", cause="")) == ""


MISHAPS = [
    ("wrong subject", "CN=dev2,O=Example", {}, "order of the challenge"),
    ("not a challenge", "CN=dev1,O=Example", {"challenge": "no-such-thing"}, "order a new challenge"),
    ("no challenge", "CN=dev1,O=Example", {"challenge": None}, "a challenge in the request"),
    ("wrong secret", "CN=dev1,O=Example", {"profile": "static"}, "SCEPTER_STATIC_CHALLENGES__<NAME>"),
    ("legacy", "CN=dev1,O=Example", {"cipher": "des-ede3-cbc"}, "`legacy_algorithms`"),
]


@pytest.mark.parametrize(
    ("subject", "how", "advice"), [each[1:] for each in MISHAPS], ids=[m[0] for m in MISHAPS]
)
def test_a_mishap_has_its_remedy(subject: str, how: dict[str, str | None], advice: str) -> None:
    world = World()
    challenge = how.get("challenge", world.challenge())
    sent = {name: value for name, value in how.items() if name != "challenge" and value}
    found = traced(world, csr(subject, challenge=challenge), self_signed(), **sent)
    assert found.status == "FAILURE"
    assert advice in remedy(found)


def test_a_challenge_that_came_late_has_its_remedy() -> None:
    world = World()
    challenge = world.challenge()
    world.now += timedelta(hours=2)
    found = traced(world, csr(challenge=challenge), self_signed())
    assert (found.error, found.device) == ("LateChallenge", "dev1")
    assert "`challenge_lifetime`" in remedy(found)


def test_an_early_renewal_has_its_remedy() -> None:
    world = World()
    device = world.send(csr(challenge=world.challenge()), self_signed()).certificates[0]
    world.now += DAY
    found = traced(world, csr(number=1), replace(self_signed(), certificate=device, key=key(0)))
    assert "`renewal_window`" in remedy(found)
