"""The PFX (RFC 7292): a private key and its certificates under a password, in one of two encodings.

`modern` is PBES2 with AES-256-CBC and SHA-256 throughout, `legacy` 3DES and SHA-1 for platforms that read nothing else;
docs/pkcs.md says which. The password is random and long in both, so the rounds of its derivation hardly matter.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import KeySerializationEncryption, PrivateFormat, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES

from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate

Encoding = Literal["modern", "legacy"]
_ROUNDS: Final = 2048
_PASSWORD_OCTETS: Final = 32


def fresh_password(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """256 random bits in 43 letters, digits, `-` and `_`: every platform encodes these alike."""
    return urlsafe_b64encode(random(_PASSWORD_OCTETS)).rstrip(b"=").decode("ascii")


def build_pfx(
    key: SigningKey,
    certificate: Certificate,
    chain: Sequence[Certificate],
    *,
    password: str,
    name: str,
    encoding: Encoding,
) -> bytes:
    """DER of the PFX. `name` is the friendlyName that stores show. ValueError for an empty password."""
    if not password:
        raise ValueError("a PFX without a password is read differently by every platform")
    return pkcs12.serialize_key_and_certificates(
        name.encode(),
        key,
        _loaded(certificate),
        list(map(_loaded, chain)) or None,
        _encryption(encoding, password),
    )


def _loaded(certificate: Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.der)


def _encryption(encoding: Encoding, password: str) -> KeySerializationEncryption:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS)
    if encoding == "legacy":
        sha1 = hashes.SHA1()  # noqa: S303 - HMAC and key derivation do not rest on collisions
        builder = builder.key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(sha1)
    else:
        builder = builder.key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return builder.build(password.encode("ascii"))
