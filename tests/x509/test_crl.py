"""CRLs we build, judged by OpenSSL, cryptography and pkilint, and read back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from asn1crypto import crl as other
from cryptography import x509

from shared.asn1 import oids, tags, writer
from shared.asn1.pem import pem
from shared.asn1.reader import read
from shared.errors import IntegrityFailure, MalformedMessage
from shared.x509.certificate import Certificate
from shared.x509.crl import REASONS, RevokedEntry, build_crl, parse_crl, verify_crl
from shared.x509.names import Name
from tests.x509.lint import crl_findings
from tests.x509.material import (
    ALGORITHMS,
    NOW,
    ca_certificate,
    key,
    leaf,
    leaf_template,
    make_certificate,
    openssl,
    subject,
)
from tests.x509.remote_keys import remote

_SERIAL = "27ca" + "ab" * 17
_ENTRIES = tuple(
    RevokedEntry(f"27ca{number:034x}", NOW - timedelta(hours=number), reason)
    for number, reason in enumerate([*sorted(REASONS - {"unspecified", "removeFromCRL"}), None], 1)
)


def _crl(
    algorithm: str = "rsa-2048", entries: tuple[RevokedEntry, ...] = _ENTRIES, **changes: object
) -> bytes:
    arguments = {
        "issuer_certificate": ca_certificate(algorithm),
        "signing_key": remote(key(algorithm, "ca")),
        "entries": entries,
        "number": 1_795_000_000,
        "this_update": NOW,
        "next_update": NOW + timedelta(days=7),
        "next_publish": NOW + timedelta(days=3),
        **changes,
    }
    return build_crl(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_openssl_verifies_it(algorithm: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(pem("CERTIFICATE", ca_certificate(algorithm).der))
    arguments = ("crl", "-inform", "DER", "-CAfile", tmp_path / "ca.pem", "-noout", "-text")
    shown = openssl(*arguments, data=_crl(algorithm))
    assert "verify OK" in shown
    assert "Version 2 (0x1)" in shown
    assert "Key Compromise" in shown
    assert "CA Compromise" in shown
    assert "1795000000" in shown
    assert shown.count("Serial Number:") == len(_ENTRIES)


def test_openssl_rejects_what_it_revokes(tmp_path: Path) -> None:
    entries = (RevokedEntry(leaf().serial_hex, NOW, "keyCompromise"),)
    (tmp_path / "ca.pem").write_bytes(
        pem("CERTIFICATE", ca_certificate().der) + pem("X509 CRL", _crl(entries=entries))
    )
    (tmp_path / "leaf.pem").write_bytes(pem("CERTIFICATE", leaf().der))
    moment = str(int((NOW + timedelta(days=1)).timestamp()))
    arguments = ("-crl_check", "-attime", moment, "-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        openssl("verify", *arguments)
    assert b"certificate revoked" in caught.value.output


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("entries", [(), _ENTRIES])
def test_pkilint_finds_nothing(algorithm: str, entries: tuple[RevokedEntry, ...]) -> None:
    assert crl_findings(_crl(algorithm, entries)) == []


def test_pkilint_would_find_something() -> None:
    fields = [child.encoded for child in read(_crl()).children()]
    inner = [child.encoded for child in read(fields[0]).children()]
    assert crl_findings(writer.sequence(writer.sequence(*inner[:-1]), *fields[1:])) != []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_cryptography_reads_it(algorithm: str) -> None:
    theirs = x509.load_der_x509_crl(_crl(algorithm))
    ca = ca_certificate(algorithm)
    assert theirs.is_signature_valid(ca.public_key)
    assert theirs.issuer.public_bytes() == ca.subject.encoded
    assert {extension.oid.dotted_string: extension.critical for extension in theirs.extensions} == {
        oids.AUTHORITY_KEY_IDENTIFIER: False,
        oids.CRL_NUMBER: False,
        oids.MS_CRL_NEXT_PUBLISH: False,
    }
    next_publish = theirs.extensions.get_extension_for_oid(x509.ObjectIdentifier(oids.MS_CRL_NEXT_PUBLISH))
    assert next_publish.value.public_bytes() == writer.time(NOW + timedelta(days=3))


def test_asn1crypto_finds_no_reason_where_none_is_given() -> None:
    entries = (RevokedEntry(_SERIAL, NOW), RevokedEntry("01", NOW, "unspecified"))
    native = other.CertificateList.load(_crl(entries=entries), strict=True).native
    assert [entry["crl_entry_extensions"] for entry in native["tbs_cert_list"]["revoked_certificates"]] == [
        None,
        None,
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_read_is_what_was_built(algorithm: str) -> None:
    der = _crl(algorithm)
    crl = parse_crl(der)
    assert (crl.der, crl.number, len(crl)) == (der, 1_795_000_000, len(_ENTRIES))
    assert (crl.this_update, crl.next_update) == (NOW, NOW + timedelta(days=7))
    assert crl.next_publish == NOW + timedelta(days=3)
    assert crl.authority_key_identifier == ca_certificate(algorithm).subject_key_identifier
    assert crl.issuer == ca_certificate(algorithm).subject
    assert tuple(crl.entries()) == _ENTRIES
    assert crl.find(_ENTRIES[0].serial_hex) == _ENTRIES[0]
    assert crl.find("ff") is None


def test_an_empty_one_without_the_hint() -> None:
    crl = parse_crl(_crl(entries=(), next_publish=None))
    assert (list(crl.entries()), crl.next_publish, len(crl)) == ([], None, 0)


def test_times_of_other_zones_are_written_in_utc() -> None:
    there = timezone(timedelta(hours=-7))
    entry = RevokedEntry(_SERIAL, NOW.astimezone(there))
    crl = parse_crl(_crl(entries=(entry,), this_update=NOW.astimezone(there)))
    assert (crl.this_update, *(found.at for found in crl.entries())) == (NOW, NOW)
    assert all(found.at.tzinfo is UTC for found in crl.entries())


def test_the_signature_is_checked() -> None:
    der = _crl()
    verify_crl(der, ca_certificate().public_key)
    with pytest.raises(IntegrityFailure):
        verify_crl(der, ca_certificate("p-256").public_key)
    damaged = der.replace(writer.integer(1_795_000_000), writer.integer(1_795_000_001))
    with pytest.raises(IntegrityFailure):
        verify_crl(damaged, ca_certificate().public_key)


def test_many_entries_are_no_trouble() -> None:
    entries = tuple(RevokedEntry(f"27ca{number:034x}", NOW, "superseded") for number in range(20_000))
    assert len(parse_crl(_crl("p-256", entries))) == 20_000


def test_entries_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="RFC 5280"):
        RevokedEntry(_SERIAL, NOW, "key_compromise")
    for serial in ("", "abc", "AB", "-1", "0x1f"):
        with pytest.raises(ValueError, match="serial number"):
            RevokedEntry(serial, NOW)
    with pytest.raises(ValueError, match="aware"):
        RevokedEntry(_SERIAL, NOW.replace(tzinfo=None))


@pytest.mark.parametrize("number", [-1, 1 << 159])
def test_numbers_that_cannot_be(number: int) -> None:
    with pytest.raises(ValueError, match="CRL number"):
        _crl(number=number)


def test_times_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="next update"):
        _crl(next_update=NOW - timedelta(days=1))


def _ca_called(name: bytes) -> Certificate:
    template = replace(leaf_template(ca_certificate()), subject=Name.from_der(name))
    return make_certificate(template, key("rsa-2048", "ca"))


_UNSORTED = writer.tlv(
    tags.SET,
    writer.sequence(writer.oid(oids.SERIAL_NUMBER), writer.printable_string("7"))
    + writer.sequence(writer.oid(oids.COMMON_NAME), writer.utf8_string("CA")),
)


@pytest.mark.parametrize(
    "name",
    [
        subject(writer.printable_string("CA")),
        subject(writer.ia5_string("CA"), writer.utf8_string("ČA")),
        subject(writer.tlv(tags.BMP_STRING, b"\x00C\x00A")),
        subject(writer.tlv(tags.T61_STRING, b"\xfc")),
        writer.sequence(_UNSORTED),
    ],
)
def test_the_issuer_is_the_subject_of_the_ca_byte_for_byte(name: bytes) -> None:
    assert parse_crl(_crl(issuer_certificate=_ca_called(name))).issuer.encoded == name


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"abc", writer.sequence(writer.null())])
def test_bytes_that_are_no_crl(der: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_crl(der)
    with pytest.raises(MalformedMessage):
        verify_crl(der, ca_certificate().public_key)
