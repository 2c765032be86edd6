"""Warnings: each doubt is told for the file that deserves it, and for no other."""

import json
from collections.abc import Mapping

import pytest

from shared.policy.profiles import Profiles

CALM: Mapping[str, object] = {
    "name": "device",
    "title": "Device",
    "holder": "device",
    "challenge": "sealed",
    "subject": {"CN": {"pattern": "[a-z]+"}},
    "key_usage": {"allowed": ["digitalSignature"]},
    "validity": 30,
}
CALLER = {"name": "demo", "profiles": ["device"]}
STATIC = {
    "name": "shared",
    "profiles": ["device"],
    "subject": {"CN": "[a-z]+"},
    "san": {"dns": "[a-z]+"},
    "expires": "2030-12-31",
}


def warnings(profile: Mapping[str, object], **vouchers: object) -> list[str]:
    tables = {"version": 1, "profiles": {"device": {**CALM, **profile}}, **vouchers}
    return Profiles.model_validate_json(json.dumps(tables)).warnings()


def test_a_calm_file_has_no_warnings() -> None:
    assert warnings({}, callers=[CALLER]) == []
    assert warnings({"challenge": "static"}, static_challenges=[STATIC]) == []
    assert warnings({"challenge": "intune"}) == []


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"subject": {"CN": {}}}, "subject.CN accepts any value"),
        ({"subject": {"CN": {"pattern": ".*"}}}, "subject.CN accepts any value"),
        ({"san": {"dns": {}}}, "san.dns accepts any value"),
        ({"san": {"uri": {"pattern": ".+"}}}, "san.uri accepts any value"),
        ({"validity": 4}, "validity is shorter than 5 days"),
        (
            {"certificate_only_renewal": True, "renewal_window": 30},
            "renewal_window is as long as the whole validity",
        ),
        (
            {"certificate_only_renewal": True, "renewal_window": 31},
            "renewal_window is as long as the whole validity",
        ),
        ({"legacy_algorithms": True}, "legacy_algorithms accepts"),
        (
            {
                "platforms": ["windows", "macos"],
                "key_usage": {"allowed": ["digitalSignature", "nonRepudiation"]},
            },
            "nonRepudiation",
        ),
        ({"extended_key_usage": {"allowed": ["1.3.6.1.4.1.311.20.2.1"]}}, "an enrolment agent"),
    ],
)
def test_a_doubtful_profile_is_told(profile: Mapping[str, object], expected: str) -> None:
    found = warnings(profile, callers=[CALLER])
    assert len(found) == 1
    assert found[0].startswith(f"profiles.device: {expected}")


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (
            {"subject": {"serialNumber": {"pattern": "[0-9]+"}}},
            "subject.serialNumber is reported by the device",
        ),
        ({"san": {"dns": {"pattern": "[a-z]+"}}}, "san.dns is reported by the device"),
    ],
)
def test_names_that_a_device_chooses_are_told_in_intune_profiles_only(
    profile: Mapping[str, object], expected: str
) -> None:
    assert warnings(profile, callers=[CALLER]) == []
    found = warnings({**profile, "challenge": "intune"})
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [("expires", "never expires"), ("subject", "without subject patterns"), ("san", "without san patterns")],
)
def test_an_open_static_challenge_is_told(left_out: str, expected: str) -> None:
    static = {field: value for field, value in STATIC.items() if field != left_out}
    found = warnings({"challenge": "static"}, static_challenges=[static])
    assert len(found) == 1
    assert found[0].startswith("static_challenges.shared: ")
    assert expected in found[0]


def test_a_profile_that_nobody_can_use_is_told() -> None:
    assert "nobody can enrol" in warnings({})[0]
    assert "nobody can enrol" in warnings({"challenge": "static"})[0]


@pytest.mark.parametrize("users", [None, ".*"])
def test_a_caller_who_can_have_everybodys_keys_is_told(users: str | None) -> None:
    caller: dict[str, object] = {**CALLER, "pfx": ["stored", "recipient"], "pfx_users": users}
    (told,) = warnings({}, callers=[caller])
    assert told.startswith("callers.demo: ")
    assert "every user's imported PFX" in told
    for harmless in (
        {**caller, "pfx_users": "[a-z]+@example[.]org"},
        {**caller, "pfx": ["stored", "brought"]},
        {**caller, "pfx": ["brought", "recipient"]},
    ):
        assert warnings({}, callers=[harmless]) == []
