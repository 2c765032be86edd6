"""Certificates as composed, judged by OpenSSL, cryptography, asn1crypto and pkilint; and as read from others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as other
from cryptography import x509

from shared.asn1 import oids, tags, writer
from shared.asn1.pem import pem
from shared.x509.certificate import (
    compose_tbs,
    verify_signature,
)
from shared.x509.extensions import Extension
from shared.x509.names import Name
from tests.x509.lint import certificate_findings
from tests.x509.material import (
    ALGORITHMS,
    CA_NAME,
    NOW,
    SERIAL,
    ca_certificate,
    key,
    leaf,
    leaf_template,
    make_certificate,
    openssl,
    subject,
)


@pytest.mark.parametrize("ca", ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_openssl_verifies_the_chain(ca: str, algorithm: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(pem("CERTIFICATE", ca_certificate(ca).der))
    (tmp_path / "leaf.pem").write_bytes(pem("CERTIFICATE", leaf(ca, algorithm).der))
    moment = str(int((NOW + timedelta(days=1)).timestamp()))
    verdict = openssl(
        "verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslclient", "-attime", moment,
        "-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem",
    )  # fmt: skip
    assert verdict.endswith("leaf.pem: OK\n")


@pytest.mark.parametrize("ca", ALGORITHMS)
def test_pkilint_finds_nothing(ca: str) -> None:
    assert certificate_findings(leaf(ca, "rsa-2048").der) == []
    assert certificate_findings(leaf(ca, "p-256").der) == []
    assert certificate_findings(ca_certificate(ca).der) == []


def test_pkilint_would_find_something() -> None:
    template = leaf_template(ca_certificate())
    broken = replace(template, extensions=template.extensions[:3])
    assert certificate_findings(make_certificate(broken, key("rsa-2048", "ca")).der) != []


@pytest.mark.parametrize("ca", ALGORITHMS)
def test_cryptography_reads_what_we_composed(ca: str) -> None:
    ours = leaf(ca)
    theirs = x509.load_der_x509_certificate(ours.der)
    theirs.verify_directly_issued_by(x509.load_der_x509_certificate(ca_certificate(ca).der))
    assert theirs.version is x509.Version.v3
    assert theirs.serial_number == SERIAL
    assert theirs.subject.public_bytes() == ours.subject.encoded
    assert theirs.issuer.public_bytes() == ca_certificate(ca).subject.encoded
    assert (theirs.not_valid_before_utc, theirs.not_valid_after_utc) == (ours.not_before, ours.not_after)
    assert theirs.public_key() == key().public_key()
    assert theirs.tbs_certificate_bytes == ours.tbs
    assert {
        found.oid.dotted_string: (found.critical, found.value.public_bytes()) for found in theirs.extensions
    } == dict(ours.extensions)


def test_asn1crypto_finds_der_throughout() -> None:
    theirs = other.Certificate.load(leaf().der, strict=True)
    assert theirs.native["tbs_certificate"]["serial_number"] == SERIAL
    assert theirs.copy().dump(force=True) == leaf().der


def test_openssl_shows_what_we_meant() -> None:
    shown = openssl(
        "x509", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb", data=leaf().der
    )
    assert f"Subject: {leaf().subject.text()}" in shown
    assert "DNS:a.example" in shown
    assert "UPN::ada@example.org" in shown
    assert "Digital Signature, Key Encipherment" in shown
    assert "OCSP - URI:http://pki.example/ocsp" in shown


def test_a_subject_that_parsers_refuse_goes_in_byte_for_byte() -> None:
    t61 = writer.tlv(tags.T61_STRING, b"Z\xfcrich")
    odd = subject(writer.printable_string("ada@example_org"), t61, writer.utf8_string(""))
    issued = make_certificate(
        replace(leaf_template(ca_certificate()), subject=Name.from_der(odd)), key("rsa-2048", "ca")
    )
    assert issued.subject.encoded == odd
    assert odd in issued.der
    assert issued.subject.values("CN") == ("ada@example_org", "Zürich", "")
    verify_signature(issued, ca_certificate().public_key)
    assert "subject=CN" in openssl("x509", "-inform", "DER", "-noout", "-subject", data=issued.der)


def test_years_from_2050_are_written_in_full() -> None:
    late = replace(leaf_template(ca_certificate()), not_after=datetime(2050, 1, 1, tzinfo=UTC))
    issued = make_certificate(late, key("rsa-2048", "ca"))
    assert x509.load_der_x509_certificate(issued.der).not_valid_after_utc == datetime(2050, 1, 1, tzinfo=UTC)
    assert b"20500101000000Z" in issued.der


def test_templates_that_cannot_be() -> None:
    good = leaf_template(ca_certificate())
    with pytest.raises(ValueError, match="before it begins"):
        replace(good, not_after=good.not_before)
    with pytest.raises(ValueError, match="aware"):
        replace(good, not_after=datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="twice"):
        replace(good, extensions=(*good.extensions, Extension(oids.KEY_USAGE, False, b"")))


@pytest.mark.parametrize("serial", [0, -1, 1 << 159])
def test_serials_that_cannot_be(serial: int) -> None:
    with pytest.raises(ValueError, match="serial"):
        compose_tbs(leaf_template(ca_certificate()), serial=serial, issuer=CA_NAME, signature_algorithm=b"")
