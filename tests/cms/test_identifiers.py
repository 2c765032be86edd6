"""Finding the certificate that a message means."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from shared.asn1 import oids, writer
from shared.asn1.reader import read
from shared.cms.identifiers import (
    CertificateReference,
    issuer_and_serial,
    issuer_and_serial_number,
    subject_key_identifier,
)
from shared.errors import MalformedMessage
from tests.cms.identity import Identity

KEY = ec.generate_private_key(ec.SECP256R1())


def _name(*attributes: tuple[x509.ObjectIdentifier, str, _ASN1Type]) -> bytes:
    return x509.Name([x509.NameAttribute(oid, text, kind) for oid, text, kind in attributes]).public_bytes()


UTF8, PRINTABLE = _ASN1Type.UTF8String, _ASN1Type.PrintableString
SENT = _name((NameOID.ORGANIZATION_NAME, "Example Corp", UTF8), (NameOID.COMMON_NAME, "Root", UTF8))


def _certificate(issuer: bytes, serial: int) -> bytes:
    """As much of a certificate as a pointer needs."""
    spki = read(Identity.make(KEY, "any").der).children()[0].children()[6].encoded
    fields = [writer.integer(serial), writer.sequence(), issuer, writer.sequence(), writer.sequence(), spki]
    return writer.sequence(writer.sequence(*fields))


@pytest.mark.parametrize("serial", [1, 127, 128, 2**159 - 1])
def test_issuer_and_serial(serial: int) -> None:
    identity = Identity.make(KEY, "issuer", serial=serial)
    issuer = identity.certificate.issuer.public_bytes()
    assert issuer_and_serial(identity.der) == (issuer, serial)
    reference = CertificateReference.parse(read(issuer_and_serial_number(identity.der)))
    assert reference == CertificateReference(issuer, serial)
    assert reference.find([identity.der]) == 0


@pytest.mark.parametrize("in_extension", [True, False])
def test_key_identifier(in_extension: bool) -> None:
    identity = Identity.make(KEY, "key", key_identifier=in_extension)
    digest = x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()).digest
    assert subject_key_identifier(identity.der) == digest
    reference = CertificateReference.parse(read(writer.context(0, digest, constructed=False)))
    assert (
        reference.find([Identity.make(ec.generate_private_key(ec.SECP256R1()), "a").der, identity.der]) == 1
    )


def test_a_key_identifier_of_ones_own_choice() -> None:
    certificate = Identity.make(KEY, "key").certificate
    builder = x509.CertificateBuilder(
        certificate.issuer,
        certificate.subject,
        KEY.public_key(),
        5,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier(b"chosen"), critical=False)
    der = builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    assert subject_key_identifier(der) == b"chosen"
    assert CertificateReference(key_identifier=b"chosen").find([der]) == 0
    assert CertificateReference(key_identifier=b"other").find([der]) is None


@pytest.mark.parametrize(
    "reencoded",
    [
        _name(
            (NameOID.ORGANIZATION_NAME, "Example Corp", PRINTABLE), (NameOID.COMMON_NAME, "Root", PRINTABLE)
        ),
        _name((NameOID.ORGANIZATION_NAME, "EXAMPLE  corp ", UTF8), (NameOID.COMMON_NAME, "root", PRINTABLE)),
        _name(
            (NameOID.ORGANIZATION_NAME, "Example Corp", _ASN1Type.T61String),
            (NameOID.COMMON_NAME, "Root", _ASN1Type.BMPString),
        ),
    ],
)
def test_an_issuer_that_a_device_encoded_again_is_found(reencoded: bytes) -> None:
    certificates = [_certificate(SENT, 7), _certificate(SENT, 8)]
    assert reencoded != SENT
    assert CertificateReference(reencoded, 8).find(certificates) == 1
    assert CertificateReference(reencoded, 9).find(certificates) is None


@pytest.mark.parametrize(
    "other",
    [
        _name((NameOID.COMMON_NAME, "Root", UTF8), (NameOID.ORGANIZATION_NAME, "Example Corp", UTF8)),
        _name((NameOID.COMMON_NAME, "Root", UTF8)),
        _name((NameOID.ORGANIZATION_NAME, "Example Corp", UTF8), (NameOID.COMMON_NAME, "Root 2", UTF8)),
        _name((NameOID.ORGANIZATION_NAME, "Example Corp", UTF8), (NameOID.SURNAME, "Root", UTF8)),
        writer.sequence(writer.null()),
        writer.sequence(),
        b"",
    ],
)
def test_another_issuer_is_not_found(other: bytes) -> None:
    assert CertificateReference(other, 7).find([_certificate(SENT, 7)]) is None


def test_bytes_go_before_meaning() -> None:
    twin = _name((NameOID.ORGANIZATION_NAME, "example corp", UTF8), (NameOID.COMMON_NAME, "root", UTF8))
    certificates = [_certificate(twin, 7), _certificate(SENT, 7)]
    assert CertificateReference(SENT, 7).find(certificates) == 1
    assert CertificateReference(twin, 7).find(certificates) == 0


def test_meaning_decides_only_where_one_certificate_fits() -> None:
    twins = [_name((NameOID.COMMON_NAME, text, UTF8)) for text in ("Root", "ROOT", "root")]
    certificates = [_certificate(twin, 7) for twin in twins[:2]]
    assert CertificateReference(twins[2], 7).find(certificates) is None
    assert CertificateReference(twins[2], 7).find(certificates[:1]) == 0


def test_values_that_are_no_text_are_compared_as_they_are() -> None:
    def name(text: str, octets: bytes) -> bytes:
        bits = writer.sequence(writer.oid(oids.UNIQUE_IDENTIFIER), writer.bit_string(octets))
        common_name = writer.sequence(writer.oid(oids.COMMON_NAME), writer.utf8_string(text))
        return writer.sequence(writer.set_of([bits, common_name]))

    certificates = [_certificate(name("root", octets), 7) for octets in (b"a", b"b")]
    assert CertificateReference(name("ROOT", b"b"), 7).find(certificates) == 1
    assert CertificateReference(name("ROOT", b"c"), 7).find(certificates) is None


@pytest.mark.parametrize(
    "identifier",
    [
        writer.null(),
        writer.sequence(),
        writer.sequence(SENT),
        writer.sequence(SENT, writer.null()),
        writer.sequence(SENT, writer.integer(1), writer.null()),
        writer.context(0, b"", constructed=False),
        writer.context(1, b"a", constructed=False),
    ],
)
def test_identifiers_that_cannot_be(identifier: bytes) -> None:
    with pytest.raises(MalformedMessage):
        CertificateReference.parse(read(identifier))


def test_certificates_that_cannot_be() -> None:
    for broken in (
        b"",
        writer.null(),
        writer.sequence(),
        writer.sequence(writer.sequence(writer.integer(1))),
    ):
        with pytest.raises(MalformedMessage):
            issuer_and_serial(broken)
        with pytest.raises(MalformedMessage):
            subject_key_identifier(broken)
