"""SubjectPublicKeyInfo (RFC 5280 4.1.2.7) to a key that may be computed with.

What would make one verification cost seconds, or prove nothing, is refused before a verification is tried.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shared.asn1 import oids, tags, values
from shared.asn1.reader import Fields, read_der
from shared.errors import AlgorithmRefused, MalformedMessage, RequestError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

MAX_RSA_BITS: Final = 16384
_MAX_SPKI_BYTES: Final = MAX_RSA_BITS // 8 + 128  # the modulus, the exponent and what surrounds them
_MAX_EXPONENT_BITS: Final = 256  # FIPS 186-5 A.1.1


@lru_cache(maxsize=128)
def load_public_key(spki: bytes) -> PublicKey:
    """The RSA or EC key in a SubjectPublicKeyInfo. The latest are kept: one request shows its key several times.

    Raises AlgorithmRefused for another kind, an unknown curve, or an RSA key that proves nothing or costs too
    much; MalformedMessage.
    """
    if len(spki) > _MAX_SPKI_BYTES:
        raise AlgorithmRefused("a public key of absurd size")
    try:
        key = load_der_public_key(spki)
    except UnsupportedAlgorithm:
        raise AlgorithmRefused("a public key of an unknown algorithm or curve") from None
    except ValueError:
        raise _refusal(spki) from None
    if isinstance(key, rsa.RSAPublicKey):
        return _sound(key)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise AlgorithmRefused(f"a public key of a kind that is not accepted: {type(key).__name__}")
    return _named(key, spki)


def _named(key: ec.EllipticCurvePublicKey, spki: bytes) -> ec.EllipticCurvePublicKey:
    algorithm = read_der(spki).children()[0].children()
    if algorithm[1].tag != tags.OBJECT_IDENTIFIER:  # RFC 5480 2.1.1: specifiedCurve MUST NOT be used
        raise AlgorithmRefused("an EC public key that spells its curve out")
    return key


def _sound(key: rsa.RSAPublicKey) -> rsa.RSAPublicKey:
    numbers = key.public_numbers()
    if key.key_size > MAX_RSA_BITS or numbers.n % 2 == 0:
        raise AlgorithmRefused("an RSA modulus that cannot be accepted")
    # RFC 8017 3.1: odd, between 3 and n - 1; with 1 anybody's signature holds
    if numbers.e < 3 or numbers.e % 2 == 0 or numbers.e.bit_length() > _MAX_EXPONENT_BITS:
        raise AlgorithmRefused("an RSA public exponent that cannot be accepted")
    return key


def _refusal(spki: bytes) -> RequestError:
    """Why the library does not take it: an RSA key whose numbers are unsound, or bytes that are no key."""
    fields = Fields(read_der(spki).expect(tags.SEQUENCE))
    algorithm = values.oid(Fields(fields.take(tags.SEQUENCE)).take())
    if algorithm == oids.RSA_ENCRYPTION:
        numbers = Fields(read_der(values.bits(fields.take())).expect(tags.SEQUENCE))
        modulus, exponent = values.integer(numbers.take()), values.integer(numbers.take())
        if modulus > 0 and exponent >= 0:
            return AlgorithmRefused("an RSA key whose modulus or exponent cannot be accepted")
    return MalformedMessage("a public key that cannot be read")
