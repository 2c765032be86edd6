"""Users with S/MIME certificates of a mail CA that is not ours, and their PFX files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.scep.authority import DAY, NOW

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
USER = "ann@example.org"
PASSWORD = "a password of 24 letters"
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@lru_cache
def key(name: str) -> Key:
    """The same for the same name; names that begin with `ec` have P-256."""
    if name.startswith("ec"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def mail_ca() -> x509.Certificate:
    """The CA that issues to users."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mail CA")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key("mail CA").public_key())
        .serial_number(1)
        .not_valid_before(NOW - 4000 * DAY)
        .not_valid_after(NOW + 4000 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key("mail CA"), hashes.SHA256())
    )


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA1()).hex()

    def pfx(self, password: str = PASSWORD, protection: Any = None) -> bytes:
        """With the CA's certificate."""
        chosen = protection or BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"mail", self.key, self.certificate, [mail_ca()], chosen)

    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def legacy(password: str = PASSWORD) -> Any:
    """3DES and SHA-1."""
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(password.encode())
    )


def holder(
    name: str = "ann",
    *,
    mail: Sequence[str] = (USER,),
    usages: Sequence[str] | None = ("key_encipherment",),
    purposes: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.EMAIL_PROTECTION,),
    begins: datetime = NOW - DAY,
    life: timedelta = 365 * DAY,
    in_subject: str = "",
    ca: bool = False,
) -> Holder:
    """A user's certificate; `name` chooses the key."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    attributes += [x509.NameAttribute(NameOID.EMAIL_ADDRESS, in_subject)] if in_subject else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(mail_ca().subject)
        .public_key(key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + life)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if mail:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name(each) for each in mail]), critical=False
        )
    if usages is not None:
        builder = builder.add_extension(
            x509.KeyUsage(**{usage: usage in usages for usage in _USAGES}), critical=True
        )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return Holder(builder.sign(key("mail CA"), hashes.SHA256()), key(name))


def signer(name: str = "ann signs", **changes: Any) -> Holder:
    """For signing."""
    return holder(name, usages=("digital_signature", "content_commitment"), **changes)
