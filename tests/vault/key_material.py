"""What a vault's keys can do, by JSON Web Algorithms (RFC 7518): sign, verify, encrypt, decrypt."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from tests.vault.answers import bad, encode, integer

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
_CURVE_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "P-256K"}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def make(kty: str, size: int | None, crv: str | None) -> PrivateKey:
    """A key as `create` asks for it. Raises Refusal."""
    if kty in ("RSA", "RSA-HSM"):
        if size not in (None, 2048, 3072, 4096):
            raise bad(f"The specified key size {size} is not supported")
        return rsa.generate_private_key(65537, size or 2048)
    if kty in ("EC", "EC-HSM"):
        if crv not in (None, *CURVES):
            raise bad(f"The specified curve {crv} is not supported")
        return ec.generate_private_key(CURVES[crv or "P-256"])
    raise bad(f"The key type {kty} is not supported")


def public_members(key: PrivateKey, crv: str) -> dict[str, str]:
    """The public half as members of a JSON Web Key."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"n": integer(numbers.n), "e": integer(numbers.e)}
    point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
    return {"crv": crv, "x": _fixed(point.x, size), "y": _fixed(point.y, size)}


def sign(key: PrivateKey, crv: str, alg: str, digest: bytes) -> bytes:
    """Raises Refusal for an algorithm that is not the key's, or a digest of another length."""
    chosen = _digest(alg, digest)
    if isinstance(key, rsa.RSAPrivateKey) and alg[:2] in ("RS", "PS"):
        return key.sign(digest, _padding(alg, chosen), Prehashed(chosen))
    if isinstance(key, ec.EllipticCurvePrivateKey) and _CURVE_OF.get(alg) == crv:
        r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(chosen))))
        size = (key.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    raise bad(f"Key and signing algorithm are incompatible: {alg}")


def verify(key: PrivateKey, crv: str, alg: str, digest: bytes, signature: bytes) -> bool:
    """Whether the signature holds. Raises Refusal."""
    chosen = _digest(alg, digest)
    try:
        if isinstance(key, rsa.RSAPrivateKey) and alg[:2] in ("RS", "PS"):
            key.public_key().verify(signature, digest, _padding(alg, chosen), Prehashed(chosen))
        elif isinstance(key, ec.EllipticCurvePrivateKey) and _CURVE_OF.get(alg) == crv:
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            key.public_key().verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(chosen)))
        else:
            raise bad(f"Key and signing algorithm are incompatible: {alg}")
    except InvalidSignature:
        return False
    return True


def encrypt(key: PrivateKey, alg: str, plaintext: bytes) -> bytes:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise bad(f"Key and encryption algorithm are incompatible: {alg}")
    return key.public_key().encrypt(plaintext, _encryption(alg))


def decrypt(key: PrivateKey, alg: str, ciphertext: bytes) -> bytes:
    """Raises Refusal where the padding is wrong: a vault says so, where newer OpenSSL makes something up."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise bad(f"Key and encryption algorithm are incompatible: {alg}")
    if len(ciphertext) * 8 != key.key_size:
        raise bad("The parameter is incorrect.")
    if alg == "RSA1_5":
        return _unpad(key, ciphertext)
    try:
        return key.decrypt(ciphertext, _encryption(alg))
    except ValueError:
        raise bad("The parameter is incorrect.") from None


def _unpad(key: rsa.RSAPrivateKey, ciphertext: bytes) -> bytes:
    """RSAES-PKCS1-v1_5 (RFC 8017 7.2.2) by the numbers."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    block = pow(int.from_bytes(ciphertext, "big"), numbers.d, modulus).to_bytes(key.key_size // 8, "big")
    end = block.find(b"\x00", 2)
    if block[:2] != b"\x00\x02" or end < 10:
        raise bad("The parameter is incorrect.")
    return block[end + 1 :]


def _digest(alg: str, digest: bytes) -> hashes.HashAlgorithm:
    chosen = _HASHES.get(alg[2:5])
    if chosen is None or alg[:2] not in ("RS", "PS", "ES"):
        raise bad(f"The signing algorithm {alg} is not supported")
    if len(digest) != chosen.digest_size:
        raise bad(
            f"Invalid length of 'value': {len(digest)} bytes. {alg} requires {chosen.digest_size} bytes."
        )
    return chosen


def _padding(alg: str, chosen: hashes.HashAlgorithm) -> Any:
    if alg.startswith("RS"):
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(chosen), padding.PSS.DIGEST_LENGTH)


def _encryption(alg: str) -> padding.AsymmetricPadding:
    if alg == "RSA1_5":
        return padding.PKCS1v15()
    if alg == "RSA-OAEP":
        return padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    if alg == "RSA-OAEP-256":
        return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    raise bad(f"The encryption algorithm {alg} is not supported")


def _fixed(number: int, size: int) -> str:
    return encode(number.to_bytes(size, "big"))
