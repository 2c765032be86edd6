"""Who can sign and decrypt. pyca's abstract private keys are the ports: a key in a vault is just a key."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
DecryptionKey = rsa.RSAPrivateKey


def public_key_info(key: SigningKey) -> bytes:
    """The SubjectPublicKeyInfo (DER, RFC 5280 4.1.2.7) of a private key."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
