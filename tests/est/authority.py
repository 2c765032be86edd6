"""The CA behind the EST server: two tiers, issuing with pyca what is asked for, or what its manner makes of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True)
class Manner:
    """What this CA makes of a request. `keep` says which of its names stay."""

    life: timedelta = timedelta(days=90)
    begins: timedelta = timedelta(minutes=-10)
    keep: Callable[[x509.GeneralName], bool] = lambda _: True
    extra_names: tuple[x509.GeneralName, ...] = ()
    subject: Callable[[x509.Name], x509.Name] = lambda name: name
    purposes: tuple[x509.ObjectIdentifier, ...] | None = (CLIENT,)
    usages: frozenset[str] | None = frozenset({"digital_signature"})
    ca: bool = False
    other_key: bool = False
    other_issuer: bool = False
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()


@dataclass
class Authority:
    """`chain` is the issuing CA and its root."""

    chain: list[x509.Certificate]
    key: Key
    issued: list[x509.Certificate] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def make(cls, algorithm: str) -> Authority:
        root_key, key = _key(algorithm), _key(algorithm)
        root = _ca("Outside Root", root_key, root_key, None)
        return cls([_ca("Outside CA", key, root_key, root), root], key)

    def issue(self, request: x509.CertificateSigningRequest, manner: Manner) -> x509.Certificate:
        """A certificate for the request, kept in `issued`."""
        certificate = self._compose(request, manner)
        with self.lock:
            self.issued.append(certificate)
        return certificate

    def _compose(self, request: x509.CertificateSigningRequest, manner: Manner) -> x509.Certificate:
        now = datetime.now(UTC)
        public = _key("p-256").public_key() if manner.other_key else request.public_key()
        signing = _key("p-256") if manner.other_issuer else self.key
        assert isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(manner.subject(request.subject))
            .issuer_name(self.chain[0].subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + manner.begins)
            .not_valid_after(now + manner.life)
            .add_extension(x509.BasicConstraints(manner.ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        names = [name for name in _names(request) if manner.keep(name)] + list(manner.extra_names)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if manner.usages is not None:
            builder = builder.add_extension(_usage(manner.usages), critical=True)
        if manner.purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(manner.purposes), critical=False)
        for extension, critical in manner.more:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signing, hashes.SHA256())


def _key(algorithm: str) -> Key:
    if algorithm.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    try:
        return list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _usage(names: frozenset[str]) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{each: each in names for each in every})


def _ca(name: str, key: Key, issuer_key: Key, issuer: x509.Certificate | None) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Others"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3000))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(_usage(frozenset({"key_cert_sign", "crl_sign"})), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
