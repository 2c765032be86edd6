"""A connector's public key file, in both forms that Microsoft's tool exports."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AlgorithmRefused, MalformedMessage
from shared.pfx.connector_key import read_connector_key
from tests.pfx.imported_site import import_key

KEY = import_key(9)
NUMBERS = KEY.public_key().public_numbers()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def blob(magic: bytes = b"RSA1", *, bits: int = 2048, exponent: int = 3, more: bytes = b"") -> bytes:
    header = struct.pack("<4sIIIII", magic, bits, exponent, bits // 8, 0, 0)
    return header + NUMBERS.e.to_bytes(3, "big") + NUMBERS.n.to_bytes(256, "big") + more


@pytest.mark.parametrize("data", [PEM, b"\n" + PEM, blob()], ids=["PEM", "PEM after a line", "blob"])
def test_both_forms_are_read(data: bytes) -> None:
    assert read_connector_key(data).public_numbers() == NUMBERS


@pytest.mark.parametrize("magic", [b"RSA2", b"RSA3"])
def test_a_private_key_is_refused_with_a_warning(magic: bytes) -> None:
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (blob(magic, more=bytes(500)), private):
        with pytest.raises(MalformedMessage, match="should never leave it"):
            read_connector_key(data)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"junk", b"RSA1", blob(more=b"x"), blob()[:-1], blob(bits=2047), blob(exponent=4)),
        *(blob(exponent=2**31), PEM[:100], b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"),
    ],
    ids=range(10),
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage, match="key file"):
        read_connector_key(data)


def test_small_keys_and_other_kinds_are_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    for key in (small, elliptic):
        with pytest.raises(AlgorithmRefused, match="not RSA with at least 2048"):
            read_connector_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@given(st.binary(max_size=600) | st.binary(max_size=300).map(lambda more: blob()[:24] + more))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    with suppress(MalformedMessage, AlgorithmRefused):
        read_connector_key(data)
