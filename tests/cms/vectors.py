"""The requests in tests/vectors/cms, their recipient, and how to look inside."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from shared.keys.ports import DecryptionKey

FOLDER: Final = Path(__file__).parent.parent / "vectors" / "cms"
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.der")))


def message(name: str) -> bytes:
    """The bytes of one request."""
    return (FOLDER / f"{name}.der").read_bytes()


def recipient() -> tuple[bytes, DecryptionKey]:
    """(certificate DER, key) of the RA that all requests are sealed to."""
    certificate = x509.load_pem_x509_certificate((FOLDER / "ra.pem").read_bytes())
    key = load_pem_private_key((FOLDER / "ra.key.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return certificate.public_bytes(Encoding.DER), key


def public_key(certificate: bytes) -> object:
    """The public key of a certificate, read by pyca. Raises ValueError, or what else pyca has for it."""
    return x509.load_der_x509_certificate(certificate).public_key()
