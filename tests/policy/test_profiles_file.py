"""profiles.toml: every wrong file is refused with the line, the field and the reason."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.policy.problems import PolicyFileError
from shared.policy.profiles import Profiles
from tests.policy.material import make_profile

GOOD = """\
version = 1

[profiles.device]
title = "Device"
holder = "device"
challenge = "sealed"
key = [
  "RSA-2048",
  "P-256",
]
key_usage = { allowed = ["digitalSignature"] }
validity = 365

[profiles.device.subject]
CN = { pattern = '[a-z]+', required = true }
O.pattern = "Example"

[profiles."device".san.dns]
max = 2

[profiles.printer]
title = '''
[profiles.trap]
validity = 1
'''
holder = "device"
challenge = "static"
key_usage = { allowed = ["digitalSignature"] }
validity = 30

[[callers]]
name = "one"
profiles = ["device"]

[[callers]]
name = "two"
profiles = ["device"]
[callers.subject]
CN = 'laptop.*'

[[static_challenges]]
name = "printers"
profiles = ["printer"]
expires = 2030-12-31
"""


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(PolicyFileError) as refused:
        Profiles.parse(text)
    return [(problem.line, problem.where, problem.reason) for problem in refused.value.problems]


def test_a_good_file_is_read() -> None:
    profiles = Profiles.parse(GOOD)
    assert list(profiles.profiles) == ["device", "printer"]
    device = profiles.get("device")
    assert device is not None
    assert (device.name, device.key, device.san.dns and device.san.dns.max) == (
        "device",
        ("RSA-2048", "P-256"),
        2,
    )
    assert profiles.get("nobody") is None
    assert [caller.name for caller in profiles.callers] == ["one", "two"]


@pytest.mark.parametrize(
    ("old", "new", "line", "where", "reason"),
    [
        ("version = 1\n", "version = 2\n", 1, "version", "Input should be 1"),
        ("version = 1\n", "version = '1'\n", 1, "version", "Input should be 1"),
        ("version = 1\n", "# none\n", 1, "version", "missing"),
        ("version = 1\n", "version = 1\nprofile = 1\n", 2, "profile", "no such field"),
        ('"RSA-2048"', '"RSA-512"', 7, "profiles.device.key.0", "Input should be 'RSA-2048'"),
        ("validity = 365", "validity = 0", 12, "profiles.device.validity", "greater than or equal to 1"),
        ("validity = 365", "validty = 365", 3, "profiles.device.validity", "missing"),
        ("validity = 365", "validity = 365\nname = 'x'", 13, "profiles.device.name", "that of its table"),
        (
            "validity = 365",
            "validity = 365\nsid_extension = true",
            13,
            "profiles.device.sid_extension",
            "SAN URI",
        ),
        ("'[a-z]+'", "'[a-z+'", 15, "profiles.device.subject.CN.pattern", "unclosed character class"),
        ("'[a-z]+'", "3", 15, "profiles.device.subject.CN.pattern", "a pattern is a text"),
        ("CN = {", "XX = {", 15, "profiles.device.subject.XX", "known attribute type"),
        ('O.pattern = "Example"', "O.max = 0", 16, "profiles.device.subject.O.max", "greater than or equal"),
        ("max = 2", "max = '2'", 19, "profiles.device.san.dns.max", "valid integer"),
        ("validity = 30\n", "validity = -1\n", 29, "profiles.printer.validity", "greater than or equal to 1"),
        ("[profiles.printer]", "[profiles.Printer]", 21, "profiles.Printer.name", "pattern"),
        ('name = "two"', 'name = "one"', 36, "callers.1.name", "used twice"),
        (
            '"two"\nprofiles = ["device"]',
            '"two"\nprofiles = ["devise"]',
            37,
            "callers.1.profiles",
            "no profile devise",
        ),
        ('"two"\nprofiles = ["device"]', '"two"\nprofiles = []', 37, "callers.1.profiles", "at least 1 item"),
        ("CN = 'laptop.*'", "CN = 'laptop.*('", 39, "callers.1.subject.CN", "unclosed group"),
        (
            'profiles = ["printer"]',
            'profiles = ["device"]',
            43,
            "static_challenges.0.profiles",
            "takes sealed",
        ),
        ("2030-12-31", "2030-12-31T10:00:00Z", 44, "static_challenges.0.expires", "valid date"),
        ("2030-12-31", "2030-12-31\nmax_uses = 0", 45, "static_challenges.0.max_uses", "greater than"),
    ],
)
def test_a_wrong_field_is_told_with_its_line(old: str, new: str, line: int, where: str, reason: str) -> None:
    assert GOOD.count(old) == 1
    found = problems(GOOD.replace(old, new))
    assert [(at, field) for at, field, text in found if reason in text] == [(line, where)]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("version = 1\nversion = 1\n", 2, "Cannot overwrite a value"),
        ("version = 1\n[profiles\n", 2, "Expected ']'"),
        ("version = 1\n\n[profiles.a]\ntitle = 'x\n", 4, "Expected"),
        ("version = 1\nx = [1\n\n", 2, "Unclosed array"),
    ],
)
def test_broken_syntax_is_told_with_its_line(text: str, line: int, reason: str) -> None:
    found = problems(text)
    assert [problem[0] for problem in found] == [line]
    assert reason in found[0][2]
    assert "(at " not in found[0][2]


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    wrong = GOOD.replace("validity = 30\n", "validity = 0\n").replace(
        'holder = "device"\nchallenge = "sealed"', ""
    )
    wrong = wrong.replace('name = "two"', 'name = "TWO"')
    found = problems(wrong)
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    assert {where for _, where, _ in found} == {
        "profiles.device.holder",
        "profiles.device.challenge",
        "profiles.printer.validity",
        "callers.1.name",
    }


def test_the_error_is_one_line_for_each_problem_with_the_file_and_line() -> None:
    with pytest.raises(PolicyFileError) as refused:
        Profiles.parse(GOOD.replace("validity = 365", "validity = 0"), source="policy.toml")
    assert str(refused.value).startswith("policy.toml:12: profiles.device.validity: ")
    assert (refused.value.line, refused.value.source) == (12, "policy.toml")
    assert refused.value.reason.startswith("profiles.device.validity: ")


def test_an_error_never_repeats_what_the_file_says() -> None:
    secret = "hunter2-hunter2-hunter2"
    for old in ("validity = 365", "expires = 2030-12-31"):
        with pytest.raises(PolicyFileError) as refused:
            Profiles.parse(GOOD.replace(old, f"{old}\nsecret = '{secret}'\nmax_uses = '{secret}'"))
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "version = 1\nprofiles = {}\n", "version = 1\nprofiles = 3\n", "version = 1"]
)
def test_a_file_without_profiles_is_refused(text: str) -> None:
    assert "profiles" in {where for _, where, _ in problems(text)}


@given(
    st.lists(st.sampled_from([*GOOD.splitlines(), "nan = nan", "[[profiles]]", "x = 07:32:00"]), max_size=40)
)
def test_any_other_file_is_refused_in_the_same_way(lines: list[str]) -> None:
    with pytest.raises(PolicyFileError) as refused:
        Profiles.parse("\n".join(["validity = 1", *lines]))
    assert all(1 <= problem.line <= len(lines) + 1 for problem in refused.value.problems)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="cannot be read: No such file"):
        Profiles.load(tmp_path / "profiles.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"version = 1 # \xff")
    with pytest.raises(PolicyFileError, match="not UTF-8"):
        Profiles.load(binary)


def test_profiles_made_in_code_keep_the_same_rules() -> None:
    with pytest.raises(ValidationError, match="that of its table"):
        Profiles(version=1, profiles={"other": make_profile()})
