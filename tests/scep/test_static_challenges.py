"""Static challenges: named secrets with limits, told apart without telling anything."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AlgorithmRefused, ChallengeRejected, PolicyViolation
from shared.policy.callers import StaticChallenge
from shared.policy.patterns import Pattern
from shared.scep.challenges.static import StaticChallenges, request_identity
from shared.scep.named_secrets import NamedSecrets
from shared.scep.ports import LateChallenge
from tests.policy.material import NOW, ec_key, make_profile, make_request
from tests.scep.challenge_material import make_attempt

SECRETS = {"printers": "printers-secret-1", "phones": "phones-secret-22", "retired": "retired-secret-3"}
PROFILE = make_profile(name="printer", challenge="static")
PRINTERS = StaticChallenge(name="printers", profiles=("printer",))
PHONES = StaticChallenge(name="phones", profiles=("phone",), subject={"CN": Pattern("phone-[0-9]+")})


class Uses:
    """A UseCounter that keeps what it gave."""

    def __init__(self) -> None:
        self.taken: dict[str, set[str]] = {}

    def take(self, name: str, identity: str, limit: int) -> bool:
        holders = self.taken.setdefault(name, set())
        if identity not in holders and len(holders) >= limit:
            return False
        holders.add(identity)
        return True


def validator(
    entries: Sequence[StaticChallenge] = (PRINTERS, PHONES), uses: Uses | None = None
) -> StaticChallenges:
    return StaticChallenges(entries, SECRETS, uses or Uses())


def test_each_secret_is_known_by_its_name() -> None:
    statics = validator()
    assert (
        statics.validate(make_attempt(SECRETS["printers"], profile=PROFILE)).vouched_by == "static:printers"
    )
    phone = make_profile(name="phone", challenge="static")
    attempt = make_attempt(SECRETS["phones"], profile=phone, request=make_request("CN=phone-1"))
    assert statics.validate(attempt).vouched_by == "static:phones"


@pytest.mark.parametrize(
    "secret", ["", "wrong", "printers-secret-", "printers-secret-11", "PRINTERS-SECRET-1", "\ud800"]
)
def test_another_secret_is_rejected(secret: str) -> None:
    with pytest.raises(ChallengeRejected) as refused:
        validator().validate(make_attempt(secret, profile=PROFILE))
    assert refused.value.public == "The challenge was not accepted."


def test_the_secret_of_an_entry_that_is_gone_opens_nothing() -> None:
    with pytest.raises(ChallengeRejected):
        validator().validate(make_attempt(SECRETS["retired"], profile=PROFILE))


def test_profile_and_names_are_limited() -> None:
    with pytest.raises(PolicyViolation, match="profile is not allowed"):
        validator().validate(make_attempt(SECRETS["phones"], profile=PROFILE))
    phone = make_profile(name="phone", challenge="static")
    with pytest.raises(PolicyViolation, match="subject attribute"):
        validator().validate(
            make_attempt(SECRETS["phones"], profile=phone, request=make_request("CN=server-1"))
        )


def test_a_challenge_is_late_after_its_last_day() -> None:
    entry = StaticChallenge(name="printers", profiles=("printer",), expires=NOW.date())
    statics = validator([entry])
    statics.validate(make_attempt(SECRETS["printers"], profile=PROFILE))
    late = make_attempt(SECRETS["printers"], profile=PROFILE, after=timedelta(days=1))
    with pytest.raises(LateChallenge) as refused:
        statics.validate(late)
    assert refused.value.vouching.identity == request_identity(late)


def test_uses_are_counted_by_request() -> None:
    statics = validator([StaticChallenge(name="printers", profiles=("printer",), max_uses=2)])
    for transaction in ("one", "two", "one", "two"):
        statics.validate(make_attempt(SECRETS["printers"], profile=PROFILE, transaction_id=transaction))
    with pytest.raises(ChallengeRejected) as refused:
        statics.validate(make_attempt(SECRETS["printers"], profile=PROFILE, transaction_id="three"))
    assert refused.value.public == "The challenge is used up."


def test_without_a_limit_nothing_is_counted() -> None:
    uses = Uses()
    validator(uses=uses).validate(make_attempt(SECRETS["printers"], profile=PROFILE))
    assert uses.taken == {}


def test_a_request_that_is_refused_costs_no_use() -> None:
    uses = Uses()
    entry = StaticChallenge(name="printers", profiles=("printer",), max_uses=1, expires=date(2026, 12, 31))
    statics = validator([entry], uses)
    with pytest.raises(PolicyViolation):
        statics.validate(make_attempt(SECRETS["printers"], profile=PROFILE, request=make_request("CN=a,L=b")))
    with pytest.raises(AlgorithmRefused):
        statics.validate(
            make_attempt(SECRETS["printers"], profile=PROFILE, request=make_request(key=ec_key()))
        )
    with pytest.raises(LateChallenge):
        statics.validate(make_attempt(SECRETS["printers"], profile=PROFILE, after=timedelta(days=99)))
    assert uses.taken == {}


def test_an_identity_is_that_of_transaction_key_and_challenge() -> None:
    base = request_identity(make_attempt("a" * 16, profile=PROFILE))
    assert len(base) == 64
    assert base == request_identity(make_attempt("a" * 16, profile=PROFILE, after=timedelta(days=1)))
    others = {
        request_identity(make_attempt("b" * 16, profile=PROFILE)),
        request_identity(make_attempt("a" * 16, profile=PROFILE, transaction_id="other")),
        request_identity(make_attempt("a" * 16, profile=PROFILE, request=make_request(key=ec_key()))),
    }
    assert len(others | {base}) == 4


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ({"printers": SECRETS["printers"]}, "static challenges without a secret: phones"),
        ({**SECRETS, "phones": "fifteen-letters"}, "the secret of phones is shorter than 16"),
        ({**SECRETS, "phones": SECRETS["printers"]}, "the same secret"),
    ],
)
def test_secrets_that_cannot_serve_are_refused_at_the_start(secrets: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        StaticChallenges([PRINTERS, PHONES], secrets, Uses())
    assert not any(secret in str(refused.value) for secret in secrets.values())


@given(st.text(max_size=40))
def test_no_error_repeats_the_challenge(secret: str) -> None:
    attempt = make_attempt(secret + "-secret", profile=PROFILE)
    with pytest.raises(ChallengeRejected) as refused:
        validator().validate(attempt)
    assert attempt.challenge not in f"{refused.value!r} {refused.value.reason} {refused.value.public}"


def test_reprs_show_names_only() -> None:
    shown = f"{validator()!r} {NamedSecrets(SECRETS)!r}"
    assert "printers" in shown
    assert not any(secret in shown for secret in SECRETS.values())


@given(
    st.dictionaries(st.text(max_size=5), st.text(min_size=16, max_size=20), max_size=5), st.text(max_size=20)
)
def test_a_secret_finds_its_own_name_and_no_other(secrets: dict[str, str], stranger: str) -> None:
    unique = {name: secret for name, secret in secrets.items() if list(secrets.values()).count(secret) == 1}
    named = NamedSecrets(unique)
    for name, secret in unique.items():
        assert named.find(secret) == name
    assert (named.find(stranger) is None) is (stranger not in unique.values())
