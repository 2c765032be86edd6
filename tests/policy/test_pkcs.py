"""Profiles whose keys are made here: what fits together, what is refused with its place, and what is doubted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.errors import AlgorithmRefused, PolicyViolation
from shared.keys.ports import public_key_info
from shared.policy.authorization import MadeHere
from shared.policy.pkcs import REQUEST_LIFE
from shared.policy.problems import PolicyFileError
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from tests.policy.material import NOW, SID, ec_key, make_profile, rsa_key

RULES = {"subject": "CN={{UserName}},O=Example", "san": ["upn:{{UserPrincipalName}}"]}
ATTRIBUTES = {
    "user.userName": "ann",
    "user.userPrincipalName": "ann@example.org",
    "user.onPremisesSecurityIdentifier": SID,
}
TEXT = """
version = 1
[profiles.mail]
title = "Mail"
holder = "user"
challenge = "pkcs"
key_usage = { allowed = ["digitalSignature", "keyEncipherment", "keyAgreement"] }
extended_key_usage = { allowed = ["emailProtection"] }
validity = 365
subject.CN = { pattern = "[a-z]+" }
san.upn = { pattern = "[a-z]+@example[.]org" }
[profiles.mail.pkcs]
subject = "CN={{UserName}}"
san = ["upn:{{UserPrincipalName}}"]
[[callers]]
name = "mdm"
profiles = ["mail"]
"""


def profile(**fields: Any) -> Profile:
    usual: dict[str, Any] = {
        "holder": "user",
        "challenge": "pkcs",
        "san": {"upn": {}},
        "pkcs": RULES,
        "key_usage": {"allowed": ["digitalSignature", "keyEncipherment", "keyAgreement"]},
    }
    return make_profile(**(usual | fields))


def test_a_profile_makes_its_names() -> None:
    mail = profile()
    assert mail.pkcs is not None
    subject, sans = mail.pkcs.names(ATTRIBUTES, "user")
    assert (subject.text(), [san.text() for san in sans]) == ("CN=ann,O=Example", ["upn:ann@example.org"])
    assert mail.promise_life == REQUEST_LIFE == timedelta(hours=24)


@pytest.mark.parametrize(
    ("fields", "at", "says"),
    [
        ({"pkcs": None}, "challenge", "belong together"),
        ({"challenge": "sealed"}, "challenge", "belong together"),
        ({"key": ["RSA-2048", "P-256"]}, "key", "one kind of key"),
        ({"key": ["P-521"]}, "key", "one kind of key"),
        ({"approval": True}, "approval", "no effect"),
        ({"certificate_only_renewal": True}, "certificate_only_renewal", "no effect"),
        ({"supersede": 3}, "supersede", "no effect"),
        ({"legacy_algorithms": True}, "legacy_algorithms", "no effect"),
        ({"challenge_lifetime": 5}, "challenge_lifetime", "no effect"),
        ({"holder": "device"}, "pkcs.subject", "{{UserName}} is of a user"),
        ({"pkcs": RULES | {"subject": "CN=a,OU=b"}}, "pkcs.subject", "no rule for OU"),
        ({"pkcs": RULES | {"san": ["email:{{EmailAddress}}"]}}, "pkcs.san", "no rule for email"),
        (
            {"pkcs": RULES | {"san": ["uri:{{OnPremisesSecurityIdentifier}}"]}},
            "pkcs.san",
            "needs strong_mapping",
        ),
        ({"strong_mapping": "required"}, "strong_mapping", "makes no URI"),
        ({"pkcs": RULES | {"subject": "CN={{Nobody}}"}}, "pkcs.subject", "there is no variable {{Nobody}}"),
        ({"pkcs": RULES | {"subject": 7}}, "pkcs.subject", "a text"),
        ({"pkcs": RULES | {"san": ["x"]}}, "pkcs.san.0", "an alternative name is written as"),
        ({"pkcs": RULES | {"sealing": []}}, "pkcs.sealing", "at least 1"),
        ({"pkcs": RULES | {"sealing": ["cms", "cms"]}}, "pkcs.sealing", "twice"),
        ({"pkcs": RULES | {"sealing": ["rot13"]}}, "pkcs.sealing.0", "cms"),
        ({"pkcs": RULES | {"encoding": "rc2"}}, "pkcs.encoding", "legacy"),
        ({"pkcs": RULES | {"recipient": "anybody"}}, "pkcs.recipient", "bare-key"),
        ({"pkcs": RULES | {"colour": "red"}}, "pkcs.colour", "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(fields: dict[str, Any], at: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        profile(**fields)
    errors = refused.value.errors()  # type: ignore[attr-defined]
    places = [".".join(map(str, (*error["loc"], *error.get("ctx", {}).get("at", ())))) for error in errors]
    assert at in places
    assert says in str(refused.value)


def test_a_wrong_file_is_told_by_its_line() -> None:
    with pytest.raises(PolicyFileError) as refused:
        Profiles.parse(TEXT.replace("CN={{UserName}}", "CN={{User}}"))
    (problem,) = refused.value.problems
    assert problem.line == TEXT[: TEXT.index("subject = ")].count("\n") + 1
    assert "{{User}}" in problem.reason


def made(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, of: Profile) -> MadeHere:
    assert of.pkcs is not None
    return MadeHere(*of.pkcs.names(ATTRIBUTES, of.holder), public_key_info(key))


def test_a_template_has_the_profile_s_default_usages_and_the_sid_that_was_named() -> None:
    mail = profile(sid_extension=True)
    template = mail.authorize_made(
        made(rsa_key(), mail), rsa_key().public_key(), sid=SID, now=NOW, backdate=timedelta(0)
    )
    told = {extension.oid: extension for extension in template.extensions}
    assert SID.encode() in told["1.3.6.1.4.1.311.25.2"].value
    assert template.not_after - template.not_before == mail.life
    without = profile().authorize_made(
        made(rsa_key(), mail),
        rsa_key().public_key(),
        sid=SID,
        now=NOW,
        backdate=timedelta(0),
        validity=timedelta(days=3),
    )
    assert "1.3.6.1.4.1.311.25.2" not in {extension.oid for extension in without.extensions}
    assert without.not_after - without.not_before == timedelta(days=3)


def test_an_elliptic_key_gets_the_usages_it_can_serve() -> None:
    phone = profile(key=["P-256"])
    template = phone.authorize_made(
        made(ec_key(), phone), ec_key().public_key(), sid=None, now=NOW, backdate=timedelta(0)
    )
    usage = next(extension for extension in template.extensions if extension.oid == "2.5.29.15")
    assert usage.value == b"\x03\x02\x03\x88"  # digitalSignature, keyAgreement


def test_a_key_of_another_kind_and_names_against_the_rules_are_refused() -> None:
    mail = profile(subject={"CN": {"pattern": "[a-z]+"}, "O": {}})
    with pytest.raises(AlgorithmRefused):
        mail.authorize_made(
            made(ec_key(), mail), ec_key().public_key(), sid=None, now=NOW, backdate=timedelta(0)
        )
    assert mail.pkcs is not None
    subject, sans = mail.pkcs.names(ATTRIBUTES | {"user.userName": "Ann"}, "user")
    with pytest.raises(PolicyViolation, match="CN"):
        mail.check_names(subject, sans)


@pytest.mark.parametrize("sid", ["", "S-1-5-18", "S-1-5-21-1-2-3-500 ", "s-1-5-21-1-2-3-500", "x"])
def test_only_an_account_s_sid_is_taken(sid: str) -> None:
    mail = profile(sid_extension=True)
    assert mail.pkcs is not None
    assert mail.pkcs.sid(ATTRIBUTES, "user") == SID
    with pytest.raises(PolicyViolation):
        mail.pkcs.sid({"user.onPremisesSecurityIdentifier": sid}, "user")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "CN={{UserName}}",
            "CN={{DeviceName}}",
            "pkcs.subject: {{DeviceName}} is reported by the device itself",
        ),
        ("CN={{UserName}}", "CN={{IMEI}}", "pkcs.subject: {{IMEI}} is reported by the device itself"),
        ("CN={{UserName}}", "CN={{MEID}}", "pkcs.subject: {{MEID}} is reported by the device itself"),
        (
            "CN={{UserName}}",
            "CN={{Device_Serial}}",
            "pkcs.subject: {{SerialNumber}} is reported by the device",
        ),
        (
            "CN={{UserName}}",
            "CN={{WiFiMacAddress}}",
            "pkcs.subject: {{WiFiMacAddress}} is reported by the device",
        ),
        (
            "upn:{{UserPrincipalName}}",
            "upn:{{FullyQualifiedDomainName}}",
            "pkcs.san: {{FullyQualifiedDomainName}}",
        ),
        ("CN={{UserName}}", "CN={{DeviceId}}", "pkcs.subject: {{DeviceId}} can keep Windows devices"),
        ("[[callers]]", 'encoding = "legacy"\n[[callers]]', "pkcs.encoding: 3DES and SHA-1"),
        (
            "[[callers]]",
            'recipient = "bare-key"\n[[callers]]',
            "pkcs.recipient: with bare-key the caller alone",
        ),
        (
            "[[callers]]",
            'sealing = ["cms-pkcs1"]\n[[callers]]',
            "pkcs.sealing: cms-pkcs1 is open to padding oracles",
        ),
        ('[[callers]]\nname = "mdm"\nprofiles = ["mail"]', "", "no caller may order for it"),
    ],
)
def test_a_doubtful_profile_is_told(old: str, new: str, expected: str) -> None:
    assert Profiles.parse(TEXT).warnings() == []
    (warning,) = Profiles.parse(TEXT.replace(old, new)).warnings()
    assert warning.startswith(f"profiles.mail: {expected}")


def test_static_challenges_are_not_for_it() -> None:
    with pytest.raises(PolicyFileError, match="takes pkcs challenges, not static ones"):
        Profiles.parse(TEXT + '[[static_challenges]]\nname = "x"\nprofiles = ["mail"]\n')
