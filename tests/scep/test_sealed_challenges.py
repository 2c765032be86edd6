"""Sealed challenges: they let exactly the promised request pass, and nothing of them can be altered or read."""

import zlib
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids
from shared.errors import ChallengeRejected
from shared.scep.challenges.promise import MAX_PROMISE_BYTES, ChallengePromise
from shared.scep.challenges.sealed import MAX_CHALLENGE_LENGTH, SealedChallenges
from shared.scep.ports import LateChallenge
from tests.policy.material import NOW, make_request
from tests.scep.challenge_material import (
    FORMER_KEY,
    KEY,
    MINUTE,
    OTHER_KEY,
    REQUEST,
    make_attempt,
    make_promise,
)

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
    ids=lambda value: value if len(value) < 40 else "long",
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
