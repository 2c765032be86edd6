"""Which keys may be certified."""

import math

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shared.errors import AlgorithmRefused
from shared.policy.public_key import KEY_ALGORITHMS, KeyPolicy, family_of
from tests.policy.material import ec_key, rsa_key

SMALL_PRIMES = [n for n in range(2, 168) if all(n % d for d in range(2, n))]


def roca_modulus() -> int:
    """2048 bits of the form of CVE-2017-15361: k * M + 65537^a mod M, with M the product of small primes."""
    product = math.prod(SMALL_PRIMES)
    modulus = (1 << 2047) // product * product + pow(65537, 1234567, product)
    while modulus.bit_length() < 2048:
        modulus += product
    return modulus


@pytest.mark.parametrize("algorithms", [("RSA-2048",), ("P-256", "RSA-2048"), KEY_ALGORITHMS[0:1]])
def test_rsa_from_the_minimum_up_passes(algorithms: tuple[str, ...]) -> None:
    KeyPolicy(algorithms).check(rsa_key().public_key())
    KeyPolicy(algorithms).check(rsa_key(3072).public_key())


@pytest.mark.parametrize(
    ("curve", "name"), [(ec.SECP256R1, "P-256"), (ec.SECP384R1, "P-384"), (ec.SECP521R1, "P-521")]
)
def test_a_curve_passes_where_it_is_named(curve: type[ec.EllipticCurve], name: str) -> None:
    KeyPolicy((name,)).check(ec_key(curve).public_key())
    others = tuple(other for other in ("P-256", "P-384", "P-521") if other != name)
    with pytest.raises(AlgorithmRefused, match=f"an EC key on {name}"):
        KeyPolicy(others).check(ec_key(curve).public_key())


def test_rsa_below_the_minimum_is_refused() -> None:
    with pytest.raises(AlgorithmRefused, match="of 2048 bits, not 3072"):
        KeyPolicy(("RSA-3072",)).check(rsa_key().public_key())
    with pytest.raises(AlgorithmRefused, match="of 1024 bits"):
        KeyPolicy(("RSA-2048",)).check(rsa_key(1024).public_key())


def test_rsa_beyond_any_use_is_refused() -> None:
    giant = rsa.RSAPublicNumbers(65537, (1 << 8200) + 1).public_key()
    with pytest.raises(AlgorithmRefused, match="of 8201 bits"):
        KeyPolicy(("RSA-2048",)).check(giant)


@pytest.mark.parametrize("exponent", [3, 17, 65535, (1 << 256) + 1])
def test_a_weak_public_exponent_is_refused(exponent: int) -> None:
    modulus = rsa_key().public_key().public_numbers().n
    with pytest.raises(AlgorithmRefused, match="exponent"):
        KeyPolicy(("RSA-2048",)).check(rsa.RSAPublicNumbers(exponent, modulus).public_key())


def test_a_modulus_of_the_roca_form_is_refused() -> None:
    weak = rsa.RSAPublicNumbers(65537, roca_modulus()).public_key()
    with pytest.raises(AlgorithmRefused, match="modulus"):
        KeyPolicy(("RSA-2048",)).check(weak)


def test_kinds_that_are_not_named_are_refused() -> None:
    with pytest.raises(AlgorithmRefused, match="only EC"):
        KeyPolicy(("P-256",)).check(rsa_key().public_key())
    with pytest.raises(AlgorithmRefused, match="P-256"):
        KeyPolicy(("RSA-2048",)).check(ec_key().public_key())
    stranger = ed25519.Ed25519PrivateKey.generate().public_key()
    for judge in (KeyPolicy(("RSA-2048",)).check, family_of):
        with pytest.raises(AlgorithmRefused, match="Ed25519"):
            judge(stranger)


@pytest.mark.parametrize(
    ("algorithms", "reason"),
    [
        ((), "at least one"),
        (("RSA-1024",), "unknown"),
        (("P-256", "P-256"), "twice"),
        (("RSA-2048", "RSA-4096"), "two RSA sizes"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(algorithms: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        KeyPolicy(algorithms)


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        (("RSA-2048",), ("RSA-2048",), True),
        (("RSA-2048",), ("RSA-4096",), True),
        (("RSA-3072",), ("RSA-2048",), False),
        (("RSA-2048", "P-256"), ("P-256",), True),
        (("RSA-2048",), ("P-256",), False),
        (("P-256",), ("RSA-2048",), False),
        (("P-256", "P-384"), ("P-256", "P-521"), False),
    ],
)
def test_covers_compares_policies(outer: tuple[str, ...], inner: tuple[str, ...], covered: bool) -> None:
    assert KeyPolicy(outer).covers(KeyPolicy(inner)) is covered


def test_families() -> None:
    assert KeyPolicy(("RSA-2048", "P-384")).families == {"RSA", "EC"}
    assert family_of(rsa_key().public_key()) == "RSA"
    assert family_of(ec_key().public_key()) == "EC"
