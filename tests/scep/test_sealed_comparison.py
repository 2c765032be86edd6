"""A request against the promise of its challenge: every point that counts, and every difference that does not."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, tags, writer
from shared.errors import AlgorithmRefused, ChallengeRejected, PolicyViolation
from shared.policy.alternative_names import san_from_text
from shared.scep.challenges.sealed import SealedChallenges
from shared.x509.general_names import parse_general_names, same_names
from shared.x509.request import CertificateRequest
from tests.policy.material import ec_key, make_profile, make_request, rsa_key
from tests.scep.challenge_material import KEY, SANS, SUBJECT, make_attempt, make_promise
from tests.x509.material import make_request as request_der
from tests.x509.material import subject as subject_der

SEALED = SealedChallenges([KEY])


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


@given(st.sampled_from([1, 2, 6, 7]), st.binary(max_size=16))
def test_the_text_of_a_san_stands_for_one_meaning_whatever_was_encoded(tag: int, contents: bytes) -> None:
    """Texts are compared first, and may accept nothing that comparing names would not."""
    if tag == 7:
        contents = contents.ljust(4, b"\0")[:4]
    names = parse_general_names(writer.sequence(writer.context(tag, contents, constructed=False)))
    with suppress(PolicyViolation):  # no such text is ever promised
        assert same_names(names, [san_from_text(names[0].text())])
