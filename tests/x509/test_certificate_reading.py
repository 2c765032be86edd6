"""Certificates as they are read: ours and those of others, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from shared.asn1 import oids, writer
from shared.asn1.reader import read
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys.signatures import signature_algorithm
from shared.x509 import extensions
from shared.x509.certificate import (
    Certificate,
    assemble,
    parse_tbs,
    verify_signature,
)
from tests.x509.material import (
    ALGORITHMS,
    CA_NAME,
    SANS,
    SERIAL,
    ca_certificate,
    key,
    leaf,
    leaf_template,
    make_certificate,
)


def test_what_is_read_is_what_was_asked_for() -> None:
    template = leaf_template(ca_certificate())
    issued = leaf()
    assert (issued.serial, issued.serial_hex) == (SERIAL, f"{SERIAL:038x}")
    assert (issued.issuer, issued.subject, issued.spki) == (CA_NAME, template.subject, template.spki)
    assert (issued.not_before, issued.not_after) == (template.not_before, template.not_after)
    assert issued.extensions == {
        extension.oid: (extension.critical, extension.value) for extension in template.extensions
    }
    assert issued.sans == SANS
    assert issued.key_usage == frozenset({"digitalSignature", "keyEncipherment"})
    assert issued.extended_key_usage == (oids.EKU_CLIENT_AUTH,)
    assert issued.public_key == key().public_key()
    assert issued.public_key is issued.public_key
    assert issued.subject_key_identifier == extensions.key_identifier(template.spki)
    assert issued.authority_key_identifier == ca_certificate().subject_key_identifier
    assert not issued.is_ca
    assert ca_certificate().basic_constraints == (True, None)


def test_a_tbs_certificate_reads_like_its_certificate() -> None:
    issued = leaf()
    tbs = parse_tbs(issued.tbs)
    assert (tbs.serial_hex, tbs.subject, tbs.sans) == (issued.serial_hex, issued.subject, issued.sans)
    assert tbs.signature_algorithm == issued.signature_algorithm
    assert tbs.key_hash == issued.key_hash


@pytest.mark.parametrize("ca", ALGORITHMS)
def test_a_signature_by_another_key_does_not_hold(ca: str) -> None:
    issued = leaf(ca)
    verify_signature(issued, ca_certificate(ca).public_key)
    with pytest.raises(IntegrityFailure):
        verify_signature(issued, key(ca, "somebody").public_key())
    damaged = Certificate.from_der(issued.der.replace(b"a.example", b"b.example"))
    with pytest.raises(IntegrityFailure):
        verify_signature(damaged, ca_certificate(ca).public_key)


def test_a_certificate_of_cryptography_is_read() -> None:
    held = key("p-256")
    theirs = (
        x509.CertificateBuilder()
        .issuer_name(x509.Name.from_rfc4514_string("CN=b,O=c"))
        .subject_name(x509.Name.from_rfc4514_string("CN=a"))
        .public_key(held.public_key())
        .serial_number(1)
        .not_valid_before(datetime(1950, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC))
        .sign(held, hashes.SHA384())
    )
    ours = Certificate.from_der(theirs.public_bytes(serialization.Encoding.DER))
    assert (ours.issuer.text(), ours.subject.text(), ours.serial_hex) == ("CN=b,O=c", "CN=a", "01")
    assert ours.not_before == datetime(1950, 1, 1, tzinfo=UTC)
    assert ours.not_after == datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (ours.extensions, ours.sans, ours.key_usage, ours.extended_key_usage) == ({}, (), None, None)
    assert (ours.subject_key_identifier, ours.authority_key_identifier, ours.is_ca) == (None, None, False)
    verify_signature(ours, held.public_key())


def test_two_signature_algorithms_are_one_too_many() -> None:
    issued = leaf()
    with pytest.raises(MalformedMessage, match="two signature algorithms"):
        Certificate.from_der(assemble(issued.tbs, signature_algorithm(key("p-256")), issued.signature))


def test_a_serial_number_of_absurd_size() -> None:
    fields = [child.encoded for child in read(leaf().tbs).children()]
    fields[1] = writer.integer(1 << 5000)
    with pytest.raises(MalformedMessage, match="absurd"):
        parse_tbs(writer.sequence(*fields))


def test_a_key_that_is_not_accepted_does_not_stop_the_reading() -> None:
    ed25519 = writer.sequence(writer.sequence(writer.oid(oids.ED25519)), writer.bit_string(b"\x01" * 32))
    issued = make_certificate(replace(leaf_template(ca_certificate()), spki=ed25519), key("rsa-2048", "ca"))
    assert issued.subject.values("CN") == ("Žofie's laptop",)
    with pytest.raises(AlgorithmRefused):
        _ = issued.public_key
