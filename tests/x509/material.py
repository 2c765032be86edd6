"""Keys, and requests and certificates put together from bytes: what a test wants odd is an argument."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from shared.asn1 import oids, writer
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, compose_tbs
from shared.x509.extensions import (
    Extension,
    authority_information_access,
    authority_key_identifier,
    basic_constraints,
    crl_distribution_points,
    extended_key_usage,
    key_identifier,
    key_usage,
    subject_alternative_name,
    subject_key_identifier,
)
from shared.x509.general_names import GeneralName
from shared.x509.names import Name
from shared.x509.serial import make_serial

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
CA_NAME = Name.build([("C", "CZ"), ("O", "Scepter"), ("CN", "Test CA")])
ALGORITHMS = ("rsa-2048", "p-256", "p-384")


def key(algorithm: str = "rsa-2048", holder: str = "device") -> SigningKey:
    """One key for each holder and algorithm of a run."""
    return _key(algorithm, holder)


@lru_cache
def _key(algorithm: str, holder: str) -> SigningKey:
    return software.generate(algorithm)


def attribute(oid: str, *held: bytes) -> bytes:
    """An Attribute whose values stay in the order given."""
    return writer.sequence(writer.oid(oid), writer.tlv(0x31, b"".join(held)))


def challenge(value: bytes) -> bytes:
    """The challengePassword attribute around a DER string."""
    return attribute(oids.CHALLENGE_PASSWORD, value)


def extension_request(*extensions: bytes, oid: str = oids.EXTENSION_REQUEST) -> bytes:
    """The extensionRequest attribute around whole extensions."""
    return attribute(oid, writer.sequence(*extensions))


def subject(*values: bytes, oid: str = oids.COMMON_NAME) -> bytes:
    """A Name of single-valued RDNs, each value as encoded."""
    return writer.sequence(*(writer.set_of([writer.sequence(writer.oid(oid), value)]) for value in values))


def request_info(
    name: bytes, spki: bytes, attributes: Iterable[bytes] | None = (), *, version: int = 0
) -> bytes:
    """CertificationRequestInfo; attributes in the order given, no field at all for None."""
    field = b"" if attributes is None else writer.context(0, b"".join(attributes))
    return writer.sequence(writer.integer(version), name, spki, field)


def signed_request(info: bytes, signer: SigningKey, *, algorithm: bytes | None = None) -> bytes:
    """A request with a correct signature over `info`."""
    used = algorithm or signature_algorithm(signer)
    return writer.sequence(info, used, writer.bit_string(sign(signer, info)))


def make_request(
    attributes: Iterable[bytes] | None = (), *, name: bytes | None = None, algorithm: str = "rsa-2048"
) -> bytes:
    """A request of the device's key, signed correctly."""
    held = key(algorithm)
    return signed_request(
        request_info(name or subject(writer.utf8_string("device")), public_key_info(held), attributes), held
    )


def make_certificate(
    template: CertificateTemplate, signer: SigningKey, *, issuer: Name = CA_NAME, serial: int = 0x25AA
) -> Certificate:
    """A certificate from a template, read back from its DER."""
    used = signature_algorithm(signer)
    tbs = compose_tbs(template, serial=serial, issuer=issuer, signature_algorithm=used)
    return Certificate.from_der(assemble(tbs, used, sign(signer, tbs)))


def ca_certificate(algorithm: str = "rsa-2048") -> Certificate:
    """The self-signed CA certificate of the key `key(algorithm, "ca")`."""
    return _ca_certificate(algorithm)


@lru_cache
def _ca_certificate(algorithm: str) -> Certificate:
    spki = public_key_info(key(algorithm, "ca"))
    extensions: tuple[Extension, ...] = (
        basic_constraints(True),
        key_usage(["keyCertSign", "cRLSign"]),
        subject_key_identifier(spki),
        authority_key_identifier(key_identifier(spki)),
    )
    template = CertificateTemplate(CA_NAME, spki, NOW, NOW + timedelta(days=3650), extensions)
    return make_certificate(template, key(algorithm, "ca"))


def openssl(*arguments: str | Path, data: bytes = b"") -> str:
    """What OpenSSL's command line prints, both streams; CalledProcessError if it fails."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        timeout=30,
    )
    return done.stdout.decode(errors="replace")


SANS = (GeneralName.dns("a.example"), GeneralName.upn("ada@example.org"), GeneralName.ip("192.0.2.7"))
SERIAL = int(make_serial(NOW + timedelta(days=365), lambda size: b"\xc5" * size), 16)


def leaf_template(ca: Certificate, algorithm: str = "rsa-2048") -> CertificateTemplate:
    """What a device's certificate usually says, the issuer's extensions included."""
    spki = public_key_info(key(algorithm))
    use = "keyEncipherment" if "rsa" in algorithm else "keyAgreement"
    return CertificateTemplate(
        Name.build([("O", "Scepter"), ("serialNumber", "X7"), ("CN", "Žofie's laptop")]),
        spki,
        NOW,
        NOW + timedelta(days=365),
        (
            key_usage(["digitalSignature", use]),
            extended_key_usage([oids.EKU_CLIENT_AUTH]),
            subject_alternative_name(SANS),
            subject_key_identifier(spki),
            authority_key_identifier(ca.subject_key_identifier or b""),
            crl_distribution_points(["http://pki.example/ca.crl"]),
            authority_information_access(["http://pki.example/ocsp"], ["http://pki.example/ca.cer"]),
        ),
    )


def leaf(ca: str = "rsa-2048", algorithm: str = "rsa-2048") -> Certificate:
    """A device's certificate by `ca_certificate(ca)`."""
    return make_certificate(leaf_template(ca_certificate(ca), algorithm), key(ca, "ca"), serial=SERIAL)
