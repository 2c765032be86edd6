"""Key usages and purposes: asked for, or by default."""

from typing import Final

import pytest

from shared.asn1 import oids
from shared.errors import PolicyViolation
from shared.policy.usages import ExtendedKeyUsageRule, KeyUsageRule, purpose_name, purpose_oid

SIGN: Final = "digitalSignature"
ENCIPHER: Final = "keyEncipherment"
AGREE: Final = "keyAgreement"
RULE = KeyUsageRule(allowed=(SIGN, ENCIPHER, AGREE), default=(SIGN, ENCIPHER))
PURPOSES = ExtendedKeyUsageRule(allowed=("clientAuth", "serverAuth"), default=("clientAuth",))


@pytest.mark.parametrize(
    ("requested", "family", "granted"),
    [
        (None, "RSA", {SIGN, ENCIPHER}),
        (set(), "RSA", {SIGN, ENCIPHER}),
        (None, "EC", {SIGN}),
        ({SIGN}, "RSA", {SIGN}),
        ({SIGN, AGREE}, "EC", {SIGN, AGREE}),
    ],
)
def test_key_usage_granted(requested: set[str] | None, family: str, granted: set[str]) -> None:
    assert RULE.granted(requested, family) == granted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("requested", "family", "public"),
    [
        ({SIGN, "nonRepudiation"}, "RSA", "The key usage nonRepudiation is not allowed."),
        ({"keyCertSign"}, "RSA", "The key usage keyCertSign is not allowed."),
        ({"cRLSign"}, "EC", "The key usage cRLSign is not allowed."),
        ({ENCIPHER}, "EC", "A key of this kind cannot serve the usage keyEncipherment."),
        ({AGREE}, "RSA", "A key of this kind cannot serve the usage keyAgreement."),
    ],
)
def test_key_usage_refused(requested: set[str], family: str, public: str) -> None:
    with pytest.raises(PolicyViolation) as refused:
        RULE.granted(requested, family)  # type: ignore[arg-type]
    assert refused.value.public == public


def test_without_a_default_all_allowed_usages_are_granted() -> None:
    assert KeyUsageRule(allowed=(SIGN, ENCIPHER)).granted(None, "RSA") == {SIGN, ENCIPHER}
    assert ExtendedKeyUsageRule(allowed=("clientAuth",)).granted(None) == (oids.EKU_CLIENT_AUTH,)


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (None, (oids.EKU_CLIENT_AUTH,)),
        ((), (oids.EKU_CLIENT_AUTH,)),
        ((oids.EKU_SERVER_AUTH,), (oids.EKU_SERVER_AUTH,)),
        ((oids.EKU_SERVER_AUTH, oids.EKU_CLIENT_AUTH), (oids.EKU_SERVER_AUTH, oids.EKU_CLIENT_AUTH)),
        ((oids.EKU_CLIENT_AUTH, oids.EKU_CLIENT_AUTH), (oids.EKU_CLIENT_AUTH,)),
    ],
)
def test_purposes_granted(requested: tuple[str, ...] | None, granted: tuple[str, ...]) -> None:
    assert PURPOSES.granted(requested) == granted


@pytest.mark.parametrize("purpose", [oids.EKU_EMAIL_PROTECTION, oids.ANY_EXTENDED_KEY_USAGE, "1.2.3"])
def test_a_purpose_that_is_not_allowed_is_refused(purpose: str) -> None:
    with pytest.raises(PolicyViolation, match="is not allowed"):
        PURPOSES.granted((oids.EKU_CLIENT_AUTH, purpose))


def test_a_profile_without_purposes_grants_none_and_refuses_any() -> None:
    assert ExtendedKeyUsageRule().granted(None) == ()
    with pytest.raises(PolicyViolation):
        ExtendedKeyUsageRule().granted((oids.EKU_CLIENT_AUTH,))


@pytest.mark.parametrize("purpose", ["clientAuthentication", "", "1", "2.5.29.37.0", oids.EKU_OCSP_SIGNING])
def test_purposes_that_no_profile_may_name(purpose: str) -> None:
    with pytest.raises(ValueError, match="purpose"):
        purpose_oid(purpose)


def test_purposes_by_name_and_dotted() -> None:
    assert purpose_oid("clientAuth") == purpose_oid(oids.EKU_CLIENT_AUTH) == oids.EKU_CLIENT_AUTH
    assert purpose_name(oids.EKU_SMARTCARD_LOGON) == "smartcardLogon"
    assert purpose_name("1.2.3") == "1.2.3"


@pytest.mark.parametrize("allowed", [(), (SIGN, SIGN)])
def test_a_key_usage_list_that_makes_no_sense_is_refused(allowed: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least 1 item|twice"):
        KeyUsageRule(allowed=allowed)  # type: ignore[arg-type]


def test_a_default_beyond_what_is_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match="not among the allowed"):
        KeyUsageRule(allowed=(SIGN,), default=(SIGN, ENCIPHER))
    with pytest.raises(ValueError, match="not among the allowed"):
        ExtendedKeyUsageRule(allowed=("clientAuth",), default=("serverAuth",))
