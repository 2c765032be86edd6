"""Whose certificate it is, by the names that Intune's profiles can put there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intune.owners import Holder, device_of, user_of
from shared.policy.alternative_names import san_from_text
from shared.x509.names import Name

INTUNE_ID = "0d0c0b0a-1111-2222-3333-445566778899"
ENTRA_ID = "ffffffff-AAAA-bbbb-cccc-DDDDDDDDDDDD"

CASES: list[tuple[str, list[str], Holder, str, str]] = [
    # subject, SANs, holder, device, user
    (f"CN={ENTRA_ID}", [], "device", ENTRA_ID.lower(), ""),
    (f"CN={ENTRA_ID}", [f"uri:IntuneDeviceId://{INTUNE_ID}"], "device", INTUNE_ID, ""),
    ("CN=laptop-1", [f"uri:IntuneDeviceId://{INTUNE_ID.upper()}/"], "device", INTUNE_ID, ""),
    ("CN=laptop-1", [f"uri:intunedeviceid://{INTUNE_ID}"], "device", INTUNE_ID, ""),
    ("CN=laptop-1,O=Example", ["dns:laptop-1.example.org"], "device", "laptop-1", ""),
    (f"CN=laptop-1,CN={ENTRA_ID}", [], "device", ENTRA_ID.lower(), ""),
    ("O=Example", ["dns:laptop-1.example.org"], "device", "", ""),
    ("CN=Ann", ["upn:ann@example.org"], "user", "", "ann@example.org"),
    (
        "CN=Ann",
        ["upn:ann@example.org", f"uri:IntuneDeviceId://{INTUNE_ID}"],
        "user",
        INTUNE_ID,
        "ann@example.org",
    ),
    (f"CN={ENTRA_ID}", ["upn:ann@example.org"], "user", ENTRA_ID.lower(), "ann@example.org"),
    ("CN=ann@example.org", [], "user", "", "ann@example.org"),
    ("CN=ann@example.org", [], "device", "ann@example.org", ""),
    ("CN=Ann", ["email:ann@example.org"], "user", "", ""),
    ("CN=Ann", ["uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-4"], "user", "", ""),
    ("CN=x", [f"uri:https://example.org/{INTUNE_ID}"], "device", "x", ""),
    ("CN=x", [f"uri:IntuneDeviceId://{INTUNE_ID}0"], "device", "x", ""),
    ("CN=x", [f"uri:xIntuneDeviceId://{INTUNE_ID}"], "device", "x", ""),
]


@pytest.mark.parametrize(("subject", "sans", "holder", "device", "user"), CASES)
def test_names_say_whose_it_is(subject: str, sans: list[str], holder: Holder, device: str, user: str) -> None:
    name, names = Name.from_text(subject), [san_from_text(san) for san in sans]
    assert device_of(name, names, holder) == device
    assert user_of(name, names, holder) == user


@given(st.text(max_size=80))
def test_any_common_name_is_borne(text: str) -> None:
    name = Name.build([("CN", text.encode("utf-8", "replace").decode() or "x")])
    holders: tuple[Holder, ...] = ("device", "user")
    for holder in holders:
        assert isinstance(device_of(name, [], holder), str)
        assert isinstance(user_of(name, [], holder), str)
