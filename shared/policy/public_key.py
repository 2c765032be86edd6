"""Which public keys may be certified: algorithm and size, and the known ways of being weak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.errors import AlgorithmRefused

KeyAlgorithm = Literal["RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384", "P-521"]
KeyFamily = Literal["RSA", "EC"]
KEY_ALGORITHMS: tuple[KeyAlgorithm, ...] = get_args(KeyAlgorithm)

MAX_RSA_BITS = 8192
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_ROCA_PRIMES = tuple(n for n in range(3, 168, 2) if all(n % d for d in range(3, n, 2)))


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """A list of key algorithms: `RSA-n` is RSA from n bits up, a curve is that curve.

    Raises ValueError if the list is empty, repeats itself, names two RSA sizes or an unknown algorithm.
    """

    algorithms: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [name for name in self.algorithms if name not in KEY_ALGORITHMS]
        if unknown:
            raise ValueError(f"unknown key algorithm; known are {', '.join(KEY_ALGORITHMS)}")
        if not self.algorithms:
            raise ValueError("at least one key algorithm is needed")
        if len(set(self.algorithms)) != len(self.algorithms):
            raise ValueError("a key algorithm is named twice")
        if sum(name.startswith("RSA") for name in self.algorithms) > 1:
            raise ValueError("two RSA sizes: name the smaller one only, it is a minimum")

    @property
    def families(self) -> frozenset[KeyFamily]:
        """The kinds of key that can pass."""
        return frozenset("RSA" if name.startswith("RSA") else "EC" for name in self.algorithms)

    def check(self, key: object) -> None:
        """Raises AlgorithmRefused unless the public key (of pyca/cryptography) may be certified."""
        if isinstance(key, rsa.RSAPublicKey):
            self._check_rsa(key)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            self._check_curve(key)
        else:
            raise AlgorithmRefused(f"a public key of type {type(key).__name__}")

    def covers(self, other: KeyPolicy) -> bool:
        """Whether every key that `other` lets pass also passes here."""
        return all(self._covers(name) for name in other.algorithms)

    def _covers(self, name: str) -> bool:
        bits = self._rsa_bits()
        if name.startswith("RSA") and bits is not None:
            return int(name[4:]) >= bits
        return name in self.algorithms

    def _rsa_bits(self) -> int | None:
        return next((int(name[4:]) for name in self.algorithms if name.startswith("RSA")), None)

    def _check_rsa(self, key: rsa.RSAPublicKey) -> None:
        minimum = self._rsa_bits()
        if minimum is None:
            raise AlgorithmRefused("an RSA key where only EC keys are allowed")
        if not minimum <= key.key_size <= MAX_RSA_BITS:
            raise AlgorithmRefused(f"an RSA key of {key.key_size} bits, not {minimum} to {MAX_RSA_BITS}")
        numbers = key.public_numbers()
        # FIPS 186-5 5.1: odd, 2^16 < e < 2^256
        if numbers.e % 2 == 0 or not 1 << 16 < numbers.e < 1 << 256:
            raise AlgorithmRefused("an RSA key with a weak public exponent")
        if numbers.n % 2 == 0 or _is_roca(numbers.n):
            raise AlgorithmRefused("an RSA key with a weak modulus")

    def _check_curve(self, key: ec.EllipticCurvePublicKey) -> None:
        name = _CURVES.get(key.curve.name, key.curve.name)
        if name not in self.algorithms:
            raise AlgorithmRefused(f"an EC key on {name}, which is not among {', '.join(self.algorithms)}")


def family_of(key: object) -> KeyFamily:
    """RSA or EC. Raises AlgorithmRefused."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC"
    raise AlgorithmRefused(f"a public key of type {type(key).__name__}")


def _is_roca(modulus: int) -> bool:
    """CVE-2017-15361: modulo every small prime the modulus is a power of 65537; by chance about 1 in 2^28."""
    return all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES)


@cache
def _powers(prime: int) -> frozenset[int]:
    return frozenset(_cycle(65537 % prime, prime))


def _cycle(generator: int, prime: int) -> Iterable[int]:
    value = 1
    while True:
        yield value
        value = value * generator % prime
        if value == 1:
            return


def describe(key: object) -> str:
    """The kind of a public key (of pyca/cryptography), as profiles name it: `RSA-2048`, `P-256`."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    return _CURVES.get(key.curve.name, key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else ""
