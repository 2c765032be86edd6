"""Sealed challenges: they let exactly the promised request pass, and nothing of them can be altered or read."""

import zlib
from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, tags, writer
from shared.errors import AlgorithmRefused, ChallengeRejected, PolicyViolation
from shared.scep.challenges.promise import MAX_PROMISE_BYTES, ChallengePromise
from shared.scep.challenges.sealed import MAX_CHALLENGE_LENGTH, SealedChallenges
from shared.scep.ports import LateChallenge
from shared.x509.request import CertificateRequest
from tests.policy.material import NOW, ec_key, make_profile, make_request, rsa_key
from tests.scep.challenge_material import (
    FORMER_KEY,
    KEY,
    MINUTE,
    OTHER_KEY,
    REQUEST,
    SANS,
    SUBJECT,
    make_attempt,
    make_promise,
)
from tests.x509.material import make_request as request_der
from tests.x509.material import subject as subject_der

SEALED = SealedChallenges([KEY, FORMER_KEY])
UNREADABLE = "The challenge was not accepted."


def rejected(challenge: str) -> ChallengeRejected:
    with pytest.raises(ChallengeRejected) as refused:
        SEALED.validate(make_attempt(challenge))
    return refused.value


def test_the_promised_request_passes_and_the_caller_is_named() -> None:
    promise = make_promise(user="ada@example.org", validity_days=30)
    vouching = SEALED.validate(make_attempt(SEALED.mint(promise)))
    assert vouching.identity == promise.id
    assert vouching.vouched_by == "sealed:demo"
    assert (vouching.device, vouching.user) == ("device-1", "ada@example.org")
    assert vouching.minted_at == NOW
    assert vouching.validity == timedelta(days=30)


def test_a_repeat_is_vouched_for_in_the_same_way() -> None:
    challenge = SEALED.mint(make_promise())
    assert SEALED.validate(make_attempt(challenge)) == SEALED.validate(
        make_attempt(challenge, transaction_id="other")
    )


def test_everything_in_a_promise_survives_sealing() -> None:
    promise = make_promise(
        subject="CN=Žofie",
        key=("RSA-3072", "P-384"),
        key_usage=("digitalSignature",),
        extended_key_usage=(oids.EKU_CLIENT_AUTH,),
        user="žofie@example.org",
        validity_days=1,
    )
    assert SEALED.open(SEALED.mint(promise)) == promise


@pytest.mark.parametrize(
    ("subject", "sans"),
    [
        ("CN=LAPTOP-1,O=example", SANS),
        ("CN=laptop-1,O=Example", SANS[::-1]),
        ("CN=laptop-1,O=Example", ("dns:LAPTOP-1.Example.ORG", "dns:laptop-1")),
    ],
)
def test_names_are_compared_by_meaning(subject: str, sans: Sequence[str]) -> None:
    SEALED.validate(make_attempt(SEALED.mint(make_promise()), request=make_request(subject, sans)))


def test_the_string_type_of_a_subject_does_not_count() -> None:
    bmp = writer.tlv(tags.BMP_STRING, "laptop-1".encode("utf-16-be"))
    request = CertificateRequest.from_der(request_der(name=subject_der(bmp)))
    challenge = SEALED.mint(make_promise(subject="CN=laptop-1", sans=()))
    SEALED.validate(make_attempt(challenge, request=request))


@pytest.mark.parametrize(
    ("promised", "request_fields", "public"),
    [
        ({"profile": "user"}, {}, "The challenge was made for another profile."),
        ({}, {"subject": "CN=laptop-2,O=Example"}, "The subject is not the one the challenge was made for."),
        ({}, {"subject": "O=Example,CN=laptop-1"}, "The subject is not the one the challenge was made for."),
        ({}, {"subject": ""}, "The subject is not the one the challenge was made for."),
        ({}, {"sans": SANS[:1]}, "The SANs are not those the challenge was made for."),
        ({}, {"sans": [*SANS, "dns:dc.example.org"]}, "The SANs are not those the challenge was made for."),
        ({}, {"sans": [SANS[0], "email:laptop-1"]}, "The SANs are not those the challenge was made for."),
        ({"sans": ()}, {}, "The SANs are not those the challenge was made for."),
        ({"key": ("RSA-3072",)}, {}, "The key is not of the kind the challenge was made for."),
        ({"key": ("P-256",)}, {}, "The key is not of the kind the challenge was made for."),
        ({"key_usage": ("digitalSignature",)}, {}, "The key usage exceeds the challenge."),
        (
            {"key_usage": ("digitalSignature",)},
            {"key_usage": ["digitalSignature", "keyEncipherment"]},
            "The key usage exceeds the challenge.",
        ),
        ({"extended_key_usage": ()}, {}, "The extended key usage exceeds the challenge."),
        (
            {"extended_key_usage": (oids.EKU_CLIENT_AUTH,)},
            {"purposes": [oids.EKU_CLIENT_AUTH, oids.EKU_SERVER_AUTH]},
            "The extended key usage exceeds the challenge.",
        ),
    ],
)
def test_another_request_is_rejected_and_the_point_is_named(
    promised: dict[str, object], request_fields: dict[str, object], public: str
) -> None:
    fields = {"subject": SUBJECT, "sans": SANS} | request_fields
    profile = make_profile(extended_key_usage={"allowed": ["clientAuth", "serverAuth"]})
    attempt = make_attempt(
        SEALED.mint(make_promise(**promised)),
        request=make_request(**fields),  # type: ignore[arg-type]
        profile=profile,
    )
    with pytest.raises(ChallengeRejected) as refused:
        SEALED.validate(attempt)
    assert refused.value.public == public


def test_what_was_expected_is_for_the_log_only() -> None:
    attempt = make_attempt(SEALED.mint(make_promise()), request=make_request("CN=dc-1,O=Example", SANS))
    with pytest.raises(ChallengeRejected) as refused:
        SEALED.validate(attempt)
    assert "CN=laptop-1,O=Example" in refused.value.reason
    assert "CN=dc-1,O=Example" in refused.value.reason
    assert "laptop" not in refused.value.public


def test_a_subject_in_another_order_is_told_so_in_the_log() -> None:
    attempt = make_attempt(SEALED.mint(make_promise()), request=make_request("O=Example,CN=laptop-1", SANS))
    with pytest.raises(ChallengeRejected, match="another order"):
        SEALED.validate(attempt)


@pytest.mark.parametrize(
    ("promised", "request_fields"),
    [
        ({"key_usage": ("digitalSignature",)}, {"key_usage": ["digitalSignature"]}),
        ({"key_usage": ("digitalSignature", "keyEncipherment")}, {}),
        ({"extended_key_usage": (oids.EKU_CLIENT_AUTH,)}, {"purposes": [oids.EKU_CLIENT_AUTH]}),
        ({"key": ("RSA-3072",)}, {"key": rsa_key(3072)}),
        ({"key": ("P-256",)}, {"key": ec_key()}),
    ],
)
def test_what_was_promised_may_be_asked_for(
    promised: dict[str, object], request_fields: dict[str, object]
) -> None:
    fields = {"subject": SUBJECT, "sans": SANS} | request_fields
    profile = make_profile(key=["RSA-2048", "P-256"])
    request = make_request(**fields)  # type: ignore[arg-type]
    SEALED.validate(make_attempt(SEALED.mint(make_promise(**promised)), request=request, profile=profile))


def test_the_profile_is_asked_besides_the_promise() -> None:
    challenge = SEALED.mint(make_promise(subject="CN=laptop-1,L=Praha"))
    with pytest.raises(PolicyViolation):
        SEALED.validate(make_attempt(challenge, request=make_request("CN=laptop-1,L=Praha", SANS)))
    with pytest.raises(AlgorithmRefused):
        SEALED.validate(
            make_attempt(SEALED.mint(make_promise()), request=make_request(SUBJECT, SANS, key=ec_key()))
        )


@pytest.mark.parametrize(("after", "late"), [(59, False), (60, True), (6000, True), (-10, False)])
def test_a_promise_ends(after: int, late: bool) -> None:
    attempt = make_attempt(SEALED.mint(make_promise()), after=after * MINUTE)
    if not late:
        assert SEALED.validate(attempt).identity == "challenge-1"
        return
    with pytest.raises(LateChallenge) as refused:
        SEALED.validate(attempt)
    assert refused.value.public == "The challenge has expired."
    assert refused.value.vouching.identity == "challenge-1"


def test_an_expired_challenge_for_another_request_is_not_merely_late() -> None:
    attempt = make_attempt(SEALED.mint(make_promise()), request=make_request("CN=x"), after=90 * MINUTE)
    with pytest.raises(ChallengeRejected) as refused:
        SEALED.validate(attempt)
    assert not isinstance(refused.value, LateChallenge)


def test_keys_rotate() -> None:
    old = SealedChallenges([FORMER_KEY]).mint(make_promise())
    SEALED.validate(make_attempt(old))
    with pytest.raises(ChallengeRejected, match="not ours"):
        SealedChallenges([FORMER_KEY]).validate(make_attempt(SEALED.mint(make_promise())))


def test_the_first_key_seals() -> None:
    assert Fernet(KEY).decrypt(SEALED.mint(make_promise()))


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ("", "there is none"),
        ("static-secret", "unreadable"),
        ("ž" * 100, "not base64"),
        ("A" * 100, "not of the sealed form"),
        ("gAAAAAB" + "A" * 93, "not of the sealed form"),
        ("A" * (MAX_CHALLENGE_LENGTH + 1), "unreadable, 8193 characters"),
        (SealedChallenges([OTHER_KEY]).mint(make_promise()), "not ours, or altered"),
        (MultiFernet([Fernet(KEY)]).encrypt(b"not a promise").decode(), "unknown form"),
        (Fernet(KEY).encrypt(zlib.compress(b"[]")).decode(), "unknown form"),
        (Fernet(KEY).encrypt(zlib.compress(b'{"version":2}')).decode(), "unknown form"),
        (Fernet(KEY).encrypt(zlib.compress(b" " * (MAX_PROMISE_BYTES + 1))).decode(), "too large"),
        (Fernet(KEY).encrypt(zlib.compress(b"{}") + b"x").decode(), "something after"),
        (Fernet(KEY).encrypt(make_promise().pack()[:-3]).decode(), "cut short"),
    ],
)
def test_what_is_no_promise_of_ours_is_rejected_with_one_text(challenge: str, reason: str) -> None:
    error = rejected(challenge)
    assert reason in error.reason
    assert error.public == UNREADABLE


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b" " * 50_000_000, 9)
    with pytest.raises(ChallengeRejected, match="too large"):
        ChallengePromise.unpack(bomb)


@given(st.data())
def test_no_character_of_a_challenge_can_be_changed(data: st.DataObject) -> None:
    challenge = SEALED.mint(make_promise())
    position = data.draw(st.integers(0, len(challenge.rstrip("=")) - 2))  # the last one holds unused bits
    letter = data.draw(st.sampled_from("ABCxyz019-_!").filter(lambda letter: letter != challenge[position]))
    changed = challenge[:position] + letter + challenge[position + 1 :]
    assert rejected(changed).public == UNREADABLE


@given(st.text(max_size=200))
def test_any_text_is_rejected_alike(text: str) -> None:
    assert rejected(text).public == UNREADABLE


def test_errors_and_reprs_show_no_challenge_and_no_key() -> None:
    challenge = SEALED.mint(make_promise())
    strange = SealedChallenges([OTHER_KEY])
    with pytest.raises(ChallengeRejected) as refused:
        strange.validate(make_attempt(challenge))
    with pytest.raises(ValueError, match="URL-safe") as wrong_key:
        SealedChallenges(["my-secret-key"])
    shown = f"{refused.value!r} {refused.value.reason} {refused.value.public} {strange!r} {wrong_key.value}"
    for secret in (challenge, KEY.decode(), OTHER_KEY.decode(), "my-secret-key"):
        assert secret not in shown


def test_keys_are_needed() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        SealedChallenges([])


def test_a_challenge_is_small_enough_for_clients() -> None:
    challenge = SEALED.mint(make_promise(user="ada@example.org", key=("RSA-2048",), validity_days=365))
    assert challenge.isascii()
    assert len(challenge) < 600


def test_a_promise_too_large_to_carry_is_not_sealed() -> None:
    sans = tuple(f"dns:{REQUEST.key_hash[number:]}{number * 7919}.example.org" for number in range(64))
    many = tuple(f"{san}{index * 104729**7}" for index, san in enumerate(sans * 8))
    with pytest.raises(ValueError, match="too long"):
        SEALED.mint(make_promise(sans=many))
