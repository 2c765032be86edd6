"""TLS of the EST server: its certificate, the root that clients trust, and the RA's client certificate."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

RA = "scepter registration authority"
CMC_RA = ObjectIdentifier("1.3.6.1.5.5.7.3.28")  # RFC 6402: it may ask for others


def server_tls(folder: Path) -> tuple[Path, ssl.SSLContext, str]:
    """(the root's file, a server's context that asks for client certificates, the RA's certificate and key in PEM)."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("TLS root of a test", root_key, root_key, [], ca=True)
    trust, chain = folder / "est-root.pem", folder / "est-server.pem"
    trust.write_bytes(root.public_bytes(Encoding.PEM))
    chain.write_text(_with_key("127.0.0.1", root_key, [ExtendedKeyUsageOID.SERVER_AUTH]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.load_verify_locations(trust)
    context.verify_mode = ssl.CERT_OPTIONAL
    return trust, context, _with_key(RA, root_key, [ExtendedKeyUsageOID.CLIENT_AUTH, CMC_RA])


def _with_key(name: str, root_key: ec.EllipticCurvePrivateKey, purposes: list[ObjectIdentifier]) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, key, root_key, purposes, ca=False)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (certificate.public_bytes(Encoding.PEM) + private).decode()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    purposes: list[ObjectIdentifier],
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TLS root of a test")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if ExtendedKeyUsageOID.SERVER_AUTH in purposes:
        host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
        builder = builder.add_extension(host, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
