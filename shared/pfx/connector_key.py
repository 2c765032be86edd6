"""The public key of a Microsoft connector, as its tool exports it: SubjectPublicKeyInfo in PEM, or CNG's RSAPUBLICBLOB.

The blob (bcrypt.h, BCRYPT_RSAKEY_BLOB) is six little-endian words: magic `RSA1`, bits, octets of exponent and modulus,
and two that are zero; then exponent and modulus, big-endian.
"""

from __future__ import annotations

import struct
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from shared.errors import AlgorithmRefused, MalformedMessage

_PUBLIC, _PRIVATE = b"RSA1", (b"RSA2", b"RSA3")
_HEADER: Final = struct.Struct("<4sIIIII")
_MIN_BITS: Final = 2048
_MOST_EXPONENT: Final = 8


def read_connector_key(data: bytes) -> rsa.RSAPublicKey:
    """Raises MalformedMessage, AlgorithmRefused."""
    key = _from_pem(data) if data.lstrip().startswith(b"-----BEGIN") else _from_blob(data)
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _MIN_BITS:
        raise AlgorithmRefused(f"the connector's key is not RSA with at least {_MIN_BITS} bits")
    return key


def _from_pem(data: bytes) -> object:
    if b"PRIVATE KEY" in data:
        raise _private()
    try:
        return load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedMessage("the connector's key file is no public key in PEM") from None


def _from_blob(data: bytes) -> object:
    if data[:4] in _PRIVATE:
        raise _private()
    if len(data) < _HEADER.size or data[:4] != _PUBLIC:
        raise MalformedMessage("the connector's key file is neither PEM nor an RSAPUBLICBLOB")
    _, bits, exponent, modulus, first, second = _HEADER.unpack_from(data)
    right = exponent <= _MOST_EXPONENT and modulus * 8 == bits and not first and not second
    if not right or len(data) != _HEADER.size + exponent + modulus:
        raise MalformedMessage("the connector's key file is an RSAPUBLICBLOB of the wrong length")
    middle = _HEADER.size + exponent
    numbers = rsa.RSAPublicNumbers(
        int.from_bytes(data[_HEADER.size : middle], "big"), int.from_bytes(data[middle:], "big")
    )
    try:
        return numbers.public_key()
    except ValueError:
        raise MalformedMessage("the connector's key file holds numbers that are no RSA key") from None


def _private() -> MalformedMessage:
    return MalformedMessage(
        "the file holds the connector's private key, which should never leave it; export the public key instead"
    )
