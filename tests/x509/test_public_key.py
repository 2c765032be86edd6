"""Public keys: what would prove nothing, or cost too much, is refused before a signature is tried."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1 import oids, writer
from shared.errors import AlgorithmRefused, MalformedMessage
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.public_key import load_public_key
from shared.x509.request import CertificateRequest
from tests.x509.material import (
    key,
    request_info,
    subject,
)

_NAME = subject(writer.utf8_string("device"))


def _rsa(modulus: int, exponent: int) -> bytes:
    numbers = writer.sequence(writer.integer(modulus), writer.integer(exponent))
    return writer.sequence(
        writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null()), writer.bit_string(numbers)
    )


_ODD = (1 << 2047) + 1
_UNSOUND = {
    "exponent 0": (_ODD, 0),
    "exponent 1": (_ODD, 1),
    "exponent 2": (_ODD, 2),
    "even exponent": (_ODD, 65536),
    "long exponent": (_ODD, (1 << 256) + 1),
    "exponent of the modulus": (_ODD, _ODD),
    "even modulus": (1 << 2047, 65537),
    "long modulus": ((1 << 16384) + 1, 65537),
    "modulus of 64 kilobits": ((1 << 65536) + 1, 65537),
}


@pytest.mark.parametrize("case", sorted(_UNSOUND))
def test_rsa_keys_that_prove_nothing_or_cost_too_much(case: str) -> None:
    with pytest.raises(AlgorithmRefused):
        load_public_key(_rsa(*_UNSOUND[case]))


def test_the_longest_rsa_key_that_is_looked_at() -> None:
    assert load_public_key(_rsa((1 << 16383) + 1, (1 << 255) + 1)).key_size == 16384


def test_with_exponent_one_anybody_could_sign() -> None:
    # The signature is the padded digest itself: it would hold if it were tried.
    info = request_info(_NAME, _rsa(_ODD, 1))
    number = pow(int.from_bytes(sign(key(), info), "big"), 65537, _modulus())
    forged = writer.sequence(info, signature_algorithm(key()), writer.bit_string(number.to_bytes(256, "big")))
    with pytest.raises(AlgorithmRefused):
        CertificateRequest.from_der(forged)


def _modulus() -> int:
    public = key().public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return public.public_numbers().n


@pytest.mark.parametrize(
    "spki",
    [
        _rsa(-5, 65537),
        writer.sequence(writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())),
        writer.sequence(writer.null(), writer.null()),
        writer.sequence(),
        writer.sequence(
            writer.sequence(writer.oid(oids.EC_PUBLIC_KEY), writer.oid(oids.CURVE_P256)),
            writer.bit_string(b"\x04" + b"\x01" * 64),
        ),
    ],
)
def test_keys_that_cannot_be_read(spki: bytes) -> None:
    with pytest.raises(MalformedMessage):
        load_public_key(spki)


def test_keys_of_unknown_kinds_and_curves() -> None:
    for algorithm in (("1.2.3",), (oids.EC_PUBLIC_KEY, "1.2.3")):
        spki = writer.sequence(
            writer.sequence(*map(writer.oid, algorithm)), writer.bit_string(b"\x04" + b"\x01" * 64)
        )
        with pytest.raises(AlgorithmRefused):
            load_public_key(spki)
