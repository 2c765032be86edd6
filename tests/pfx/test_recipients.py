"""Whom to seal to: the newest certificate of the device that serves, and a clear word where there is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessage, PolicyViolation, RequestError
from shared.pfx.order import RecipientKey
from shared.pfx.recipients import RecipientRefused, from_jwk, from_key
from shared.pfx.sealing import Recipient
from shared.policy.pkcs import PKCSRules
from tests.pfx.world import PKCSWorld, device_key


def rules(recipient: str = "issued-certificate") -> PKCSRules:
    return PKCSRules.model_validate_json(f'{{"subject": "CN=x", "recipient": "{recipient}"}}')


def find(world: PKCSWorld, named: RecipientKey | None = None, **who: str) -> Recipient:
    chosen = {"device": "dev1", "user": "ann@example.org", **who}
    return world.pkcs.recipients.find(named, rules(), now=world.clock(), **chosen)


def serial(recipient: Recipient) -> str:
    assert recipient.certificate is not None
    return recipient.certificate.serial_hex


def test_the_newest_that_serves(world: PKCSWorld) -> None:
    (first,) = world.records("device")
    assert serial(find(world)) == first.serial
    world.scep.now += timedelta(minutes=1)
    second = world.enrol(number=1)
    assert serial(find(world)) == serial(find(world, device="DEV1")) == second.serial
    world.scep.now += timedelta(minutes=1)
    world.enrol(number=2, usages=("digitalSignature",))
    world.enrol(number=3, user="bob@example.org")
    world.enrol(number=4, by="pkcs:mdm")
    world.enrol("dev2", number=5)
    assert serial(find(world)) == second.serial


@pytest.mark.parametrize("renewed_first", [True, False])
def test_of_one_second_the_renewed_one_is_the_newer(world: PKCSWorld, renewed_first: bool) -> None:
    words = ["renewal:27", "sealed:mdm"] if renewed_first else ["sealed:mdm", "renewal:27"]
    records = {word: world.enrol("dev7", number=number, by=word) for number, word in enumerate(words)}
    assert serial(find(world, device="dev7")) == records["renewal:27"].serial


def test_a_certificate_of_the_same_user_serves(world: PKCSWorld) -> None:
    world.scep.now += timedelta(minutes=1)
    of_ann = world.enrol(number=1, user="Ann@Example.org")
    assert serial(find(world)) == of_ann.serial
    assert serial(find(world, user="bob@example.org")) != of_ann.serial


@pytest.mark.parametrize(
    ("reason", "says"), [("certificateHold", "held"), ("keyCompromise", "revoked"), ("superseded", "revoked")]
)
def test_held_and_revoked_ones_do_not_serve(world: PKCSWorld, reason: str, says: str) -> None:
    (first,) = world.records("device")
    world.scep.revocations.revoke(first.issuer, first.serial, reason, by="tests")
    named = RecipientKey(serial=first.serial)
    for recipient in (None, named):
        with pytest.raises(RecipientRefused, match=f"the certificate is {says}"):
            find(world, recipient)


def test_expired_ones_do_not_serve(world: PKCSWorld) -> None:
    (first,) = world.records("device")
    world.scep.now += timedelta(days=91)
    for recipient in (None, RecipientKey(serial=first.serial)):
        with pytest.raises(RecipientRefused, match="the certificate has expired") as refused:
            find(world, recipient)
        assert refused.value.public == "The recipient: the certificate has expired."
    second = world.enrol(number=1)
    assert serial(find(world)) == second.serial


@pytest.mark.parametrize(
    ("enrol", "says"),
    [
        ({"usages": ("digitalSignature",)}, "lacks keyEncipherment"),
        ({"kind": "p-256", "usages": ("digitalSignature",)}, "lacks keyAgreement"),
        ({"user": "bob@example.org"}, "that of another user"),
        ({"by": "pkcs:mdm"}, "was made here"),
    ],
)
def test_what_does_not_serve_is_told_by_its_reason(
    world: PKCSWorld, enrol: dict[str, Any], says: str
) -> None:
    record = world.enrol("dev9", **enrol)
    with pytest.raises(RecipientRefused, match=says):
        find(world, RecipientKey(serial=record.serial.upper()), device="dev9")
    with pytest.raises(RecipientRefused, match=says if "by" not in enrol else "no certificate of ours"):
        find(world, device="dev9")


def test_only_certificates_of_the_device_itself(world: PKCSWorld) -> None:
    other = world.enrol("dev2", number=1)
    with pytest.raises(RecipientRefused, match="no certificate of this device"):
        find(world, RecipientKey(serial=other.serial))
    with pytest.raises(RecipientRefused, match="no certificate of ours"):
        find(world, device="nobody")
    with pytest.raises(RecipientRefused, match="names no device"):
        find(world, device="")


def test_one_query_of_the_owner_and_a_read_of_what_could_serve(world: PKCSWorld) -> None:
    calls: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(world.scep.store, name)

    for number in range(20):
        world.enrol(number=1, days=10 + number, by=f"sealed:{number}")
    counted = type(world.pkcs.recipients)(Counted(), world.scep.issuer)
    counted.find(None, rules(), device="dev1", user="", now=world.clock())
    assert calls == ["owned_by", "find"]


def test_a_claim_that_was_never_finished_is_passed_over(world: PKCSWorld) -> None:
    from shared.ca.authority import Order
    from tests.ca.stores import template

    world.scep.now += timedelta(minutes=1)
    world.scep.authority.promise(
        template(), Order("x", "device", "sealed:mdm", device="dev1"), now=world.clock()
    )
    assert serial(find(world)) == world.records("device")[0].serial


GOOD = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        GOOD * 2,
        GOOD.replace("PUBLIC KEY", "PRIVATE KEY"),
        GOOD.replace("PUBLIC KEY", "CERTIFICATE"),
        GOOD.replace("AAAA", "!"),
    ],
)
def test_what_is_no_public_key_in_pem_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        from_key(text)


@pytest.mark.parametrize(
    ("jwk", "says"),
    [
        ({}, "another kind"),
        ({"kty": "oct", "k": "AAAA"}, "private"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, "another kind"),
        ({"kty": ["RSA"]}, "another kind"),
        ({"kty": "RSA"}, "cannot be read"),
        ({"kty": "RSA", "n": "AAAA", "e": 3}, "cannot be read"),
        ({"kty": "RSA", "n": "!", "e": "AQAB"}, "cannot be read"),
        ({"kty": "RSA", "n": None, "e": "AQAB"}, "cannot be read"),
        ({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, "cannot be read"),
        ({"kty": "EC", "crv": "P-1", "x": "AAAA", "y": "AAAA"}, "cannot be read"),
        ({"kty": "EC", "crv": "P-256", "x": 1, "y": {}}, "cannot be read"),
        ({"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}, "cannot be read"),
    ],
)
def test_what_is_no_public_jwk_is_refused(jwk: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        from_jwk(jwk)


def test_a_private_jwk_is_refused_and_not_repeated() -> None:
    from jwt.algorithms import RSAAlgorithm

    private: Any = device_key()
    jwk = RSAAlgorithm.to_jwk(private, as_dict=True)
    with pytest.raises(MalformedMessage, match="private key") as refused:
        from_jwk(jwk)
    assert jwk["d"] not in str(refused.value) + refused.value.public


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["RSA", "EC", "P-256", "AQAB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use"]), values))
def test_any_jwk_is_read_or_refused(jwk: dict[str, Any]) -> None:
    try:
        Recipient(from_jwk(jwk))
    except RequestError:
        return


@given(st.text(max_size=300))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    with pytest.raises(RequestError):
        Recipient(from_key(text))


def test_a_bare_key_only_where_the_profile_says_so(world: PKCSWorld) -> None:
    with pytest.raises(PolicyViolation, match="bare key"):
        find(world, RecipientKey(key=GOOD))
