"""What callers and static challenges may vouch for."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.errors import PolicyViolation
from shared.policy.callers import PFX_PERMISSIONS, Caller, StaticChallenge
from shared.policy.patterns import Pattern
from shared.x509.general_names import GeneralName
from shared.x509.names import Name

OPEN = Caller(name="open", profiles=("device",))
NARROW = Caller(
    name="narrow",
    profiles=("device",),
    subject={"CN": Pattern("laptop-[0-9]+"), "2.5.4.10": Pattern("Example")},
    san={"dns": Pattern(r"laptop-[0-9]+\.example\.org")},
)


@pytest.mark.parametrize(
    ("caller", "subject", "sans"),
    [
        (OPEN, "CN=anything,L=Praha", [GeneralName.dns("any"), GeneralName.email("a@b")]),
        (NARROW, "CN=laptop-1,O=Example", [GeneralName.dns("laptop-1.example.org")]),
        (NARROW, "", []),
    ],
)
def test_names_within_the_limits_pass(caller: Caller, subject: str, sans: list[GeneralName]) -> None:
    caller.check("device", Name.from_text(subject), sans)


@pytest.mark.parametrize(
    ("subject", "sans", "public"),
    [
        ("CN=server-1", [], "A subject attribute is not one that may be named here."),
        ("CN=laptop-1,O=Other", [], "A subject attribute is not one that may be named here."),
        ("CN=laptop-1,OU=x", [], "A subject attribute is not one that may be named here."),
        ("CN=laptop-1,CN=server-1", [], "A subject attribute is not one that may be named here."),
        ("CN=laptop-1", [GeneralName.dns("dc.example.org")], "A SAN is not one that may be named here."),
        ("CN=laptop-1", [GeneralName.email("a@example.org")], "A SAN is not one that may be named here."),
    ],
)
def test_names_beyond_the_limits_are_refused(subject: str, sans: list[GeneralName], public: str) -> None:
    with pytest.raises(PolicyViolation) as refused:
        NARROW.check("device", Name.from_text(subject), sans)
    assert refused.value.public == public
    assert "narrow" in refused.value.reason


def test_a_profile_that_is_not_listed_is_refused() -> None:
    with pytest.raises(PolicyViolation) as refused:
        OPEN.check("user", Name.from_text("CN=a"), [])
    assert refused.value.public == "The profile is not allowed here."


@pytest.mark.parametrize(
    "rate", ["60", "60/minutes", "0/minute", "x/minute", "1000000/minute", "60 per minute"]
)
def test_a_rate_is_a_number_per_unit(rate: str) -> None:
    with pytest.raises(ValidationError):
        Caller(name="a", profiles=("device",), rate=rate)


@pytest.mark.parametrize("name", ["", "Demo", "-demo", "demo!", "x" * 64])
def test_a_name_can_be_part_of_a_setting(name: str) -> None:
    with pytest.raises(ValidationError):
        Caller(name=name, profiles=("device",))


def test_a_static_challenge_ends_with_its_last_day() -> None:
    challenge = StaticChallenge(name="a", profiles=("device",), expires=date(2026, 12, 31))
    end = datetime(2027, 1, 1, tzinfo=UTC)
    assert not challenge.has_expired(end - timedelta(seconds=1))
    assert challenge.has_expired(end)
    assert not StaticChallenge(name="a", profiles=("device",)).has_expired(end)
    assert not StaticChallenge(name="a", profiles=("device",), expires=date.max).has_expired(end)


PFX = Caller(name="pfx", pfx=("stored", "brought"), pfx_users=Pattern(r"[a-z]+@example\.org"))


def test_a_caller_may_have_pfx_delivered_as_its_entry_says() -> None:
    for permission in ("stored", "brought"):
        PFX.check_pfx(permission, "ann@example.org")
    with pytest.raises(PolicyViolation, match="does not list 'recipient'"):
        PFX.check_pfx("recipient", "ann@example.org")
    with pytest.raises(PolicyViolation, match="does not match pfx_users") as refused:
        PFX.check_pfx("stored", "ann@example.com")
    assert "example" not in refused.value.public
    for permission in PFX_PERMISSIONS:
        with pytest.raises(PolicyViolation):
            OPEN.check_pfx(permission, "ann@example.org")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "give profiles, pfx, or both"),
        ({"profiles": ("device",), "pfx_users": Pattern(".*")}, "without pfx it has no effect"),
        ({"pfx": ("recipient",)}, "allow stored or brought"),
        ({"pfx": ("everything",)}, "Input should be"),
        ({"pfx": True}, "valid tuple"),
    ],
)
def test_an_entry_that_allows_nothing_or_anything_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Caller(name="a", **fields)


def test_two_patterns_for_one_attribute_type_are_refused() -> None:
    both = {"CN": Pattern("a"), "2.5.4.3": Pattern("b")}
    with pytest.raises(ValidationError, match="two of its names"):
        Caller(name="a", profiles=("device",), subject=both)
