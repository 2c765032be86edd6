"""Minting challenges: who may, for what, how often; and every mistake is told to the caller, not to the device."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids
from shared.errors import ChallengeRejected, MalformedMessage, PolicyViolation, RateExceeded
from shared.policy.profiles import Profiles
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.mint import MAX_ORDER_BYTES, ChallengeMint, ChallengeOrder
from tests.policy.material import NOW, SID_URI, make_request
from tests.scep.challenge_material import KEY, MINUTE, SANS, SUBJECT, make_attempt

SECRETS = {"demo": "demo-secret-0000", "narrow": "narrow-secret-11"}
SEALED = SealedChallenges([KEY])


TABLE: Mapping[str, object] = {
    "name": "device",
    "title": "Device",
    "holder": "device",
    "challenge": "sealed",
    "key": ["RSA-2048", "P-256"],
    "subject": {"CN": {"pattern": "[a-z0-9-]+"}, "O": {}},
    "san": {"dns": {"max": 3}},
    "strong_mapping": "optional",
    "key_usage": {"allowed": ["digitalSignature", "keyEncipherment"]},
    "extended_key_usage": {"allowed": ["clientAuth"]},
    "validity": 365,
}


def make_profiles(**demo: object) -> Profiles:
    """A profile for devices, one for users and one for Apple's; a caller for all, and one with limits."""
    profiles = {
        "device": TABLE,
        "user": {**TABLE, "name": "user", "holder": "user"},
        "phone": {**TABLE, "name": "phone", "platforms": ["ios"]},
    }
    callers = [
        {"name": "demo", "profiles": list(profiles), "rate": "1000/minute", **demo},
        {"name": "narrow", "profiles": ["device"], "subject": {"CN": "laptop-[0-9]+", "O": "Example"}},
    ]
    return Profiles.model_validate_json(json.dumps({"version": 1, "profiles": profiles, "callers": callers}))


def make_mint(**demo: object) -> ChallengeMint:
    return ChallengeMint(make_profiles(**demo), SECRETS, SEALED, lambda count: bytes(range(count)))


MINT = make_mint()


def order(**fields: object) -> bytes:
    return json.dumps({"profile": "device", "subject": SUBJECT, "sans": SANS} | fields).encode()


def test_a_minted_challenge_lets_its_request_pass() -> None:
    body = order(device="DEVICE-1", validity_days=30, lifetime_minutes=10)
    minted = MINT.mint(SECRETS["demo"], body, now=NOW.replace(microsecond=5))
    assert minted.id == "AAECAwQFBgcICQoLDA0ODw"
    assert minted.expires_at == NOW + 10 * MINUTE
    device = make_profiles().profiles["device"]
    vouching = SEALED.validate(make_attempt(minted.challenge, profile=device))
    assert (vouching.identity, vouching.vouched_by, vouching.device) == (minted.id, "sealed:demo", "device-1")
    assert vouching.validity is not None
    assert vouching.validity.days == 30


def test_the_profile_gives_the_lifetime_of_a_challenge() -> None:
    assert MINT.mint(SECRETS["demo"], order(), now=NOW).expires_at == NOW + 60 * MINUTE


def test_ids_are_random() -> None:
    mint = ChallengeMint(make_profiles(), SECRETS, SEALED)
    ids = {mint.mint(SECRETS["demo"], order(), now=NOW).id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(identity) == 22 for identity in ids)


@pytest.mark.parametrize("secret", ["", "demo", "demo-secret-0001", "demo-secret-000"])
def test_an_unknown_secret_mints_nothing(secret: str) -> None:
    with pytest.raises(ChallengeRejected) as refused:
        MINT.mint(secret, order(), now=NOW)
    assert refused.value.public == "The caller is not known."


def test_who_is_unknown_is_not_told_what_is_wrong_with_the_order() -> None:
    with pytest.raises(ChallengeRejected):
        MINT.mint("x", b"{", now=NOW)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"profile": "nobody"}, "may not order for that profile"),
        ({"profile": 3}, "profile: Input should be a valid string"),
        ({"subject": "CN"}, "not a distinguished name"),
        ({"subject": "CN=UPPER"}, "CN does not have the allowed form"),
        ({"subject": "CN=a,L=b"}, "attribute L is not allowed"),
        ({"subject": "", "sans": []}, "names nobody"),
        ({"sans": ["host"]}, "A SAN is written as"),
        ({"sans": ["email:a@example.org"]}, "A SAN of kind email is not allowed"),
        ({"sans": ["dns:a_b"]}, "not well formed"),
        ({"sans": [f"uri:{SID_URI}x"]}, "security identifier"),
        ({"sans": "dns:a"}, "sans: Input should be a valid array"),
        ({"user": "ada@example.org"}, "user does not belong here"),
        ({"profile": "user"}, "user is missing"),
        ({"device": "a/b"}, "device: String should match pattern"),
        ({"key": ["RSA-4096", "RSA-2048"]}, "two RSA sizes"),
        ({"key": ["P-384"]}, "key goes beyond the profile"),
        ({"key": []}, "at least one"),
        ({"key_usage": ["nonRepudiation"]}, "nonRepudiation is not allowed"),
        ({"key_usage": ["keyCertSign"]}, "key_usage.0: Input should be"),
        ({"key_usage": []}, "key_usage: Tuple should have at least 1 item"),
        ({"extended_key_usage": ["serverAuth"]}, "serverAuth is not allowed"),
        ({"extended_key_usage": ["2.5.29.37.0"]}, "never issued"),
        ({"validity_days": 366}, "validity_days is too long: at most 365"),
        ({"validity_days": 0}, "validity_days: Input should be greater"),
        ({"profile": "phone", "validity_days": 30}, "Apple devices"),
        ({"lifetime_minutes": 61}, "lifetime_minutes is too long: at most 60"),
        ({"lifetime": 10}, "lifetime: Extra inputs"),
    ],
)
def test_a_mistake_is_told_to_the_caller(fields: dict[str, object], text: str) -> None:
    with pytest.raises((PolicyViolation, MalformedMessage)) as refused:
        MINT.mint(SECRETS["demo"], order(**fields), now=NOW)
    assert text in refused.value.public


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"x" * (MAX_ORDER_BYTES + 1)])
def test_a_body_that_is_no_order_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage) as refused:
        MINT.mint(SECRETS["demo"], body, now=NOW)
    assert refused.value.public.startswith("The order")


@given(st.binary(max_size=200))
def test_any_body_is_refused_in_an_orderly_way(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        ChallengeOrder.parse(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "CN=server-1,O=Example"},
        {"subject": "CN=laptop-1,O=Other"},
        {"profile": "user", "user": "ada@example.org"},
    ],
)
def test_a_caller_keeps_to_its_own_limits(fields: dict[str, object]) -> None:
    MINT.mint(SECRETS["narrow"], order(), now=NOW)
    MINT.mint(SECRETS["demo"], order(**fields), now=NOW)
    with pytest.raises(PolicyViolation):
        MINT.mint(SECRETS["narrow"], order(**fields), now=NOW)


def test_narrower_usages_and_keys_become_part_of_the_promise() -> None:
    body = order(key=["RSA-4096"], key_usage=["digitalSignature"], extended_key_usage=["clientAuth"])
    promise = SEALED.open(MINT.mint(SECRETS["demo"], body, now=NOW).challenge)
    assert promise.key == ("RSA-4096",)
    assert promise.key_usage == ("digitalSignature",)
    assert promise.extended_key_usage == (oids.EKU_CLIENT_AUTH,)


def test_a_user_and_a_sid_can_be_promised() -> None:
    sans = [*SANS, f"uri:{SID_URI}"]
    minted = MINT.mint(SECRETS["demo"], order(profile="user", user="ada@example.org", sans=sans), now=NOW)
    user = make_profiles().profiles["user"]
    attempt = make_attempt(minted.challenge, profile=user, request=make_request(SUBJECT, sans))
    assert SEALED.validate(attempt).user == "ada@example.org"


def test_a_rate_is_kept_for_each_caller() -> None:
    mint = make_mint(rate="3/hour")
    for _ in range(3):
        mint.mint(SECRETS["demo"], order(), now=NOW)
    with pytest.raises(RateExceeded) as refused:
        mint.mint(SECRETS["demo"], order(), now=NOW)
    assert 1 <= refused.value.retry_after <= 3600
    mint.mint(SECRETS["narrow"], order(), now=NOW)


def test_wrong_orders_count_too() -> None:
    mint = make_mint(rate="1/hour")
    with pytest.raises(MalformedMessage):
        mint.mint(SECRETS["demo"], b"{", now=NOW)
    with pytest.raises(RateExceeded):
        mint.mint(SECRETS["demo"], order(), now=NOW)


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ({"demo": SECRETS["demo"]}, "callers without a secret: narrow"),
        ({**SECRETS, "demo": "short"}, "the secret of demo is shorter"),
        (dict.fromkeys(SECRETS, "the-same-secret-0"), "the same secret"),
    ],
)
def test_secrets_that_cannot_serve_are_refused_at_the_start(secrets: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ChallengeMint(make_profiles(), secrets, SEALED)


def test_reprs_and_errors_show_no_secret() -> None:
    minted = MINT.mint(SECRETS["demo"], order(), now=NOW)
    assert minted.challenge not in repr(minted)
    with pytest.raises(ChallengeRejected) as refused:
        MINT.mint("a-wrong-secret-22", order(), now=NOW)
    shown = f"{MINT!r} {refused.value!r} {refused.value.reason}"
    assert not any(secret in shown for secret in (*SECRETS.values(), "a-wrong-secret-22"))
