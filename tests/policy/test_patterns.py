"""Administrators' patterns: whole values only, and no input that makes them slow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy.patterns import MAX_PATTERN_LENGTH, Pattern


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("laptop-[0-9]+", "laptop-42", True),
        ("laptop-[0-9]+", "my-laptop-42", False),
        ("laptop-[0-9]+", "laptop-42-old", False),
        ("laptop-[0-9]+", "laptop-42\n", False),
        ("^laptop$", "laptop", True),
        ("^laptop$", "laptop\n", False),
        ("(?m)^laptop$", "x\nlaptop\ny", False),
        ("a|b", "a", True),
        ("a|b", "ab", False),
        ("(?i)laptop", "LAPTOP", True),
        (r"[\p{L}]+", "Žižkov", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_a_pattern_matches_whole_values_only(source: str, value: str, expected: bool) -> None:
    assert Pattern(source).matches(value) is expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_escaped_text_matches_itself_only(text: str, other: str) -> None:
    pattern = Pattern(re.escape(text))
    assert pattern.matches(text)
    assert pattern.matches(other) is (other == text)


@pytest.mark.parametrize("source", ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "([a-zA-Z]+)*b", "(.*)*b"])
def test_patterns_that_ruin_backtracking_engines_answer_at_once(source: str) -> None:
    assert not Pattern(source).matches("a" * 100_000)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("(", "unclosed group"),
        ("a)|(?:b", "unopened group"),
        ("(?=a)a", "look-around"),
        (r"(a)\1", "backreferences"),
        ("(?x)a # b", "not a usable pattern"),
        ("(a{1000}){1000}", "size limit"),
        ("x" * (MAX_PATTERN_LENGTH + 1), "longer than"),
    ],
)
def test_what_cannot_be_a_whole_and_fast_pattern_is_refused(source: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Pattern(source)


@pytest.mark.parametrize("value", [1, None, ["a"], True])
def test_a_pattern_is_a_text(value: object) -> None:
    with pytest.raises(ValueError, match="a text"):
        Pattern.parse(value)


@pytest.mark.parametrize(
    ("source", "is_open"),
    [
        (".*", True),
        (".+", True),
        ("[^x]*", True),
        (r"[\s\S]*", True),
        ("[A-Za-z0-9 ._-]+", False),
        ("a.*", False),
    ],
)
def test_a_pattern_that_says_nothing_is_known_as_such(source: str, is_open: bool) -> None:
    assert Pattern(source).is_open is is_open
