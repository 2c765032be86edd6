"""Requests made by pyca/cryptography, and profiles from a few fields: what a test wants different is an argument."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID, ObjectIdentifier

from shared.asn1 import oids, writer
from shared.policy.profile import Profile
from shared.x509.request import CertificateRequest

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SID = "S-1-5-21-3623811015-3361044348-30300820-1013"
SID_URI = f"tag:microsoft.com,2022-09-14:sid:{SID}"
_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@lru_cache
def rsa_key(bits: int = 2048, holder: str = "device") -> rsa.RSAPrivateKey:
    """One key for each size and holder of a run."""
    return rsa.generate_private_key(65537, bits)


@lru_cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """One key for each curve of a run."""
    return ec.generate_private_key(curve())


def general_name(text: str) -> x509.GeneralName:
    """`kind:value` as pyca's general name; `other:` is an otherName of a type nobody knows."""
    kind, _, value = text.partition(":")
    match kind:
        case "dns":
            return x509.DNSName(value)
        case "email":
            return x509.RFC822Name(value)
        case "uri":
            return x509.UniformResourceIdentifier(value)
        case "ip":
            return x509.IPAddress(ip_address(value))
        case "directory":
            return x509.DirectoryName(_name(value))
        case _:
            upn = oids.MS_USER_PRINCIPAL_NAME if kind == "upn" else "1.2.3.4"
            return x509.OtherName(ObjectIdentifier(upn), writer.utf8_string(value))


def make_request(
    subject: str = "CN=laptop-1,O=Example",
    sans: Sequence[str] = (),
    *,
    key_usage: Sequence[str] | None = None,
    purposes: Sequence[str] | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    challenge: str | None = None,
    key: PrivateKey | None = None,
) -> CertificateRequest:
    """A request as a device would send it, read back by our own reader."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(subject))
    if sans:
        names = x509.SubjectAlternativeName([general_name(san) for san in sans])
        builder = builder.add_extension(names, critical=False)
    if key_usage is not None:
        wanted = {field: name in key_usage for name, field in _USAGES.items()}
        usage = x509.KeyUsage(**wanted, encipher_only=False, decipher_only=False)
        builder = builder.add_extension(usage, critical=True)
    if purposes is not None:
        eku = x509.ExtendedKeyUsage([ObjectIdentifier(purpose) for purpose in purposes])
        builder = builder.add_extension(eku, critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    signed = builder.sign(key or rsa_key(), hashes.SHA256())
    return CertificateRequest.from_der(signed.public_bytes(Encoding.DER))


def _name(text: str) -> x509.Name:
    more = {"E": NameOID.EMAIL_ADDRESS, "GN": NameOID.GIVEN_NAME, "SN": NameOID.SURNAME}
    return x509.Name.from_rfc4514_string(text, more)


def make_profile(**fields: object) -> Profile:
    """A profile that takes CN and O with any value and DNS names, with `fields` (as in a file) instead of its own."""
    table: dict[str, object] = {
        "name": "device",
        "title": "Device",
        "holder": "device",
        "challenge": "sealed",
        "subject": {"CN": {}, "O": {}},
        "san": {"dns": {"max": 3}},
        "key_usage": {"allowed": ["digitalSignature", "keyEncipherment"]},
        "extended_key_usage": {"allowed": ["clientAuth"]},
        "validity": 365,
    }
    return Profile.model_validate_json(json.dumps(table | fields))
