"""Keys with self-signed certificates, made by pyca, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Identity:
    """A private key and its self-signed certificate."""

    key: Key
    certificate: x509.Certificate

    @classmethod
    def make(cls, key: Key, name: str, *, serial: int = 0x1234, key_identifier: bool = True) -> Identity:
        """A certificate for `key` with `name` as common name of subject and issuer."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .serial_number(serial)
            .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
            .public_key(key.public_key())
        )
        if key_identifier:
            extension = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            builder = builder.add_extension(extension, critical=False)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @cached_property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def public_key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        """The public half of the key."""
        return self.key.public_key()

    def write(self, folder: Path, name: str) -> None:
        """`name`.pem and `name`.key for openssl."""
        (folder / f"{name}.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(key)
