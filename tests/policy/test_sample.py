"""The sample file works as it is: it loads without warnings, and its profiles take the requests they are for."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.asn1 import oids
from shared.errors import PolicyViolation
from shared.policy.profiles import Profiles
from tests.policy.material import NOW, ec_key, make_request

SAMPLE = Path(__file__).parents[2] / "profiles.sample.toml"
DEVICE_ID = "6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11"


@pytest.fixture(scope="module")
def profiles() -> Profiles:
    return Profiles.load(SAMPLE)


def test_it_has_seven_profiles_a_caller_for_all_and_no_warnings(profiles: Profiles) -> None:
    names = {"device", "user", "web-server", "smime-signing", "smime-encryption", "user-pkcs", "general"}
    assert set(profiles.profiles) == names
    assert [(caller.name, set(caller.profiles)) for caller in profiles.callers] == [("demo", names)]
    assert profiles.warnings() == []


@pytest.mark.parametrize(
    ("name", "subject", "sans", "purposes"),
    [
        ("device", "CN=laptop-0042,O=Example", ["dns:laptop-0042.example.org"], [oids.EKU_CLIENT_AUTH]),
        ("device", f"CN={DEVICE_ID}", [f"uri:IntuneDeviceId://{DEVICE_ID}"], [oids.EKU_CLIENT_AUTH]),
        ("device", "CN=Žofiin notebook,O=O'Brien & Co.", [], [oids.EKU_CLIENT_AUTH]),
        ("user", "CN=Ada Lovelace,E=ada@example.org", ["upn:ada@example.org"], [oids.EKU_CLIENT_AUTH]),
        (
            "web-server",
            "CN=www.example.org",
            ["dns:www.example.org", "dns:*.example.org"],
            [oids.EKU_SERVER_AUTH],
        ),
        ("web-server", "", ["ip:10.0.0.1", "ip:fd00::1"], [oids.EKU_SERVER_AUTH]),
        (
            "smime-signing",
            "CN=Ada Lovelace,GN=Ada,SN=O'Hara",
            ["email:a@example.org"],
            [oids.EKU_EMAIL_PROTECTION],
        ),
        ("smime-encryption", "CN=Ada Lovelace", ["email:ada@example.org"], [oids.EKU_EMAIL_PROTECTION]),
        (
            "general",
            "CN=printer-1,OU=Office,C=CZ,DC=example,DC=org",
            ["ip:192.168.1.9"],
            [oids.EKU_CLIENT_AUTH],
        ),
    ],
)
def test_a_typical_request_passes_with_the_right_purposes(
    profiles: Profiles, name: str, subject: str, sans: Sequence[str], purposes: Sequence[str]
) -> None:
    request = make_request(subject, sans)
    profiles.profiles[name].authorize(request, now=NOW)
    assert list(profiles.profiles[name].grant(request).extended_key_usage) == purposes


@pytest.mark.parametrize(
    ("name", "subject", "sans"),
    [
        ("device", "O=Example", []),
        ("device", "CN=laptop,OU=x", []),
        ("device", "CN=laptop", ["upn:administrator@example.org"]),
        ("device", "CN=laptop", ["uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500"]),
        ("user", "CN=Ada Lovelace", []),
        ("web-server", "CN=www.example.org", []),
        ("web-server", "CN=www.example.org", ["ip:8.8.8.8"]),
        ("smime-signing", "CN=Ada Lovelace", []),
        ("general", "CN=\\<script\\>", []),
    ],
)
def test_what_a_profile_is_not_for_is_refused(
    profiles: Profiles, name: str, subject: str, sans: Sequence[str]
) -> None:
    with pytest.raises(PolicyViolation):
        profiles.profiles[name].authorize(make_request(subject, sans), now=NOW)


def test_an_encryption_certificate_cannot_sign(profiles: Profiles) -> None:
    assert profiles.profiles["smime-encryption"].grant(
        make_request("CN=Ada", ["email:ada@example.org"])
    ).key_usage == {"keyEncipherment"}


@pytest.mark.parametrize("name", ["device", "general"])
def test_elliptic_curves_are_welcome(profiles: Profiles, name: str) -> None:
    granted = profiles.profiles[name].grant(make_request("CN=phone", key=ec_key()))
    assert granted.key_usage == {"digitalSignature"}
