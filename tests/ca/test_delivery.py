"""What was brought for a CA of ours: accepted whole, or refused with what to ask for instead."""

from __future__ import annotations

import pytest

from shared.ca.delivery import Accepted, Delivery, accept
from shared.ca.holdings import Holdings
from shared.errors import IssuanceFault
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from shared.x509.extensions import basic_constraints, key_usage
from tests.ca.houses import CA_USAGE, NO_KEY_ID, NO_USAGE, POISON, crl, issuing, key, odd, root
from tests.scep.authority import DAY, NOW


def brought(*certificates: Certificate, held: Holdings | None = None, waiting: str = "Issuing") -> Accepted:
    delivery = Delivery(certificates, (), key(waiting).public_key() if waiting else None)
    return accept(held or Holdings(), delivery, now=NOW)


@pytest.fixture
def held() -> Holdings:
    """What stands after the first ceremony."""
    return brought(issuing(), root()).holdings


def test_the_first_of_a_name_issues_at_once() -> None:
    own = issuing()
    accepted = brought(root(), own)
    assert accepted.generation is not None
    assert accepted.generation.chain == (root(),)
    assert accepted.generation.issues_from == own.not_before
    assert accepted.doubts == ()


def test_a_new_key_beside_it_waits(held: Holdings) -> None:
    accepted = brought(issuing("Issuing 2"), held=held, waiting="Issuing 2")
    assert accepted.generation is not None
    assert accepted.generation.issues_from is None
    assert len(accepted.holdings.own) == 2


def test_what_is_installed_already_changes_nothing(held: Holdings) -> None:
    again = brought(held.own[0].certificate, root(), held=held, waiting="")
    assert again.holdings.to_pem() == held.to_pem()


def test_a_renewed_certificate_takes_the_turn_of_the_one_before(held: Holdings) -> None:
    renewed = issuing(begins=NOW - DAY / 2, life=3000 * DAY)
    accepted = brought(renewed, held=held, waiting="")
    assert accepted.generation is not None
    assert accepted.generation.certificate == renewed
    assert accepted.generation.earlier == (held.own[0].certificate,)
    assert accepted.generation.issues_from == held.own[0].issues_from


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (odd(basic_constraints(False), key_usage(["digitalSignature"])), "no CA certificate"),
        (odd(key_usage(["digitalSignature", "keyCertSign"])), "lacks keyCertSign or cRLSign"),
        (odd(NO_KEY_ID), "no subject key identifier"),
        (odd(POISON), "critical extension"),
        (odd(subject=""), "subject is empty"),
        (odd(begins=NOW + DAY), "not valid before"),
        (odd(begins=NOW - 2 * DAY, ends=NOW - DAY / 2), "has ended"),
        (odd(ends=NOW + 8000 * DAY), "would outlive its issuer"),
        (odd(issuer_key="Another"), "the chain ends at"),
        (odd(issuer=root("Elsewhere"), issuer_key="Elsewhere"), "add the certificate of CN=Elsewhere"),
        (issuing("Another"), "another request"),
    ],
)
def test_what_relying_parties_would_refuse_is_not_installed(own: Certificate, words: str) -> None:
    with pytest.raises(IssuanceFault, match=words):
        brought(own, root())


def test_a_path_that_is_too_long_is_refused() -> None:
    middle = odd(basic_constraints(True, 0), subject="Middle", own_key="Middle")
    with pytest.raises(IssuanceFault, match="path length of CN=Middle allows no CA"):
        brought(odd(issuer=middle, issuer_key="Middle", ends=NOW + 800 * DAY), middle, root())


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (odd(NO_USAGE), "no key usage"),
        (odd(key_usage(CA_USAGE[1:])), "without digitalSignature"),
        (odd(basic_constraints(True, None)), "may certify further CAs"),
        (odd(), "names no CRL"),
    ],
)
def test_what_is_rarely_meant_is_told(own: Certificate, words: str) -> None:
    assert any(words in doubt for doubt in brought(own, root()).doubts)


def test_two_keys_of_ours_need_two_names(held: Holdings) -> None:
    with pytest.raises(IssuanceFault, match="has this name"):
        brought(odd(own_key="Issuing 2"), held=held, waiting="Issuing 2")


def test_a_renewed_certificate_keeps_its_name(held: Holdings) -> None:
    with pytest.raises(IssuanceFault, match="keep name and key identifier"):
        brought(odd(subject="Renamed"), held=held, waiting="")


def test_a_stranger_is_left_out_and_told(held: Holdings) -> None:
    accepted = brought(root("Elsewhere"), held=held, waiting="")
    assert accepted.holdings == held
    assert "belongs to no chain of ours" in accepted.doubts[0]


def test_a_crl_of_the_root_is_kept_and_never_an_older_one(held: Holdings) -> None:
    def with_crl(held: Holdings, der: bytes) -> Holdings:
        return accept(held, Delivery((), (der,)), now=NOW).holdings

    newer, older = crl(at=NOW), crl(at=NOW - DAY)
    held = with_crl(with_crl(held, older), newer)
    assert [parse_crl(der).number for der in held.crls] == [parse_crl(newer).number]
    for wrong, words in (
        (older, "older than the one that is here"),
        (crl("Elsewhere"), "of no root of ours"),
        (crl(at=NOW - 2 * DAY, life=DAY), "has ended"),
    ):
        with pytest.raises(IssuanceFault, match=words):
            with_crl(held, wrong)
