"""OCSP responses: read by the library, OpenSSL and pkilint as they were meant, whatever they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from shared.asn1.pem import pem
from shared.keys import software
from shared.revocation.service import REASONS as OURS
from shared.x509.extensions import key_identifier
from shared.x509.ocsp import OCSPRequest
from shared.x509.ocsp_response import (
    REASONS,
    CertStatus,
    ResponseStatus,
    SingleResponse,
    build_error,
    build_response,
)
from tests.programs import OpenSSL
from tests.x509.lint import ocsp_findings
from tests.x509.material import NOW
from tests.x509.ocsp_material import asked, authority, responder

HOUR = timedelta(hours=1)
AT = ("-attime", str(int(NOW.timestamp())))


def good(serial: int = 1, digest: str = "sha1") -> SingleResponse:
    return SingleResponse(asked(serial, digest), CertStatus.GOOD, NOW, NOW + HOUR)


def revoked(reason: str | None, serial: int = 2, at: datetime = NOW - HOUR) -> SingleResponse:
    return SingleResponse(asked(serial), CertStatus.REVOKED, NOW, NOW + HOUR, at, reason)


def unknown(serial: int = 3) -> SingleResponse:
    return SingleResponse(asked(serial), CertStatus.UNKNOWN, NOW, NOW + HOUR)


def build(*responses: SingleResponse, nonce: bytes | None = None, produced_at: datetime = NOW) -> bytes:
    return build_response(
        responses,
        responder=responder().certificate,
        key=responder().key,
        produced_at=produced_at,
        nonce=nonce,
    )


def test_the_library_reads_several_as_they_were_meant() -> None:
    found = ocsp.load_der_ocsp_response(build(good(), revoked("superseded"), unknown(), nonce=b"n" * 32))
    assert found.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    states = [(each.serial_number, each.certificate_status.name) for each in found.responses]
    assert states == [(1, "GOOD"), (2, "REVOKED"), (3, "UNKNOWN")]
    times = {(each.this_update_utc, each.next_update_utc) for each in found.responses}
    assert times == {(NOW, NOW + HOUR)}
    second = list(found.responses)[1]
    assert (second.revocation_time_utc, second.revocation_reason) == (
        NOW - HOUR,
        x509.ReasonFlags.superseded,
    )
    assert found.produced_at_utc == NOW
    assert found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32


def test_it_names_its_responder_by_key_and_brings_its_certificate_and_signature() -> None:
    found = ocsp.load_der_ocsp_response(build(good()))
    (certificate,) = found.certificates
    assert certificate == x509.load_der_x509_certificate(responder().certificate.der)
    assert found.responder_key_hash == key_identifier(responder().certificate.spki)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert found.signature_hash_algorithm is not None
    key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(found.signature_hash_algorithm))
    assert len(found.extensions) == 0


@pytest.mark.parametrize("reason", [*OURS, "cACompromise", "aACompromise", None])
def test_every_reason_reads_back(reason: str | None) -> None:
    (single,) = ocsp.load_der_ocsp_response(build(revoked(reason))).responses
    expected = None if reason in (None, "unspecified") else x509.ReasonFlags(reason)
    assert single.revocation_reason is expected


def test_every_reason_that_can_be_given_has_its_number() -> None:
    assert set(OURS) - set(REASONS) == {"unspecified"}
    assert 7 not in REASONS.values()  # RFC 5280 5.3.1: not used


def test_times_have_no_fractions() -> None:
    fraction = timedelta(microseconds=999_999)
    single = SingleResponse(
        asked(), CertStatus.REVOKED, NOW + fraction, NOW + HOUR + fraction, NOW - HOUR + fraction
    )
    der = build(single, produced_at=NOW + fraction)
    (found,) = ocsp.load_der_ocsp_response(der).responses
    assert (found.this_update_utc, found.next_update_utc) == (NOW, NOW + HOUR)
    assert found.revocation_time_utc == NOW - HOUR
    assert ocsp_findings(der) == []


@pytest.mark.parametrize("status", [each for each in ResponseStatus if each])
def test_an_error_is_a_status_and_nothing_else(status: ResponseStatus) -> None:
    der = build_error(status)
    assert len(der) == 5
    assert ocsp.load_der_ocsp_response(der).response_status.value == status
    assert ocsp_findings(der) == []


def test_a_success_without_answer_is_not_built() -> None:
    with pytest.raises(ValueError, match="has an answer"):
        build_error(ResponseStatus.SUCCESSFUL)


@pytest.mark.parametrize(
    "responses",
    [
        [good()],
        [good(digest=digest) for digest in ("sha1", "sha256", "sha384", "sha512")],
        [unknown()],
        [revoked(reason) for reason in (None, *OURS)],
        [good(), revoked("keyCompromise"), unknown()],
    ],
)
@pytest.mark.parametrize("nonce", [None, b"n", b"n" * 128])
def test_pkilint_finds_nothing(responses: Sequence[SingleResponse], nonce: bytes | None) -> None:
    assert ocsp_findings(build(*responses, nonce=nonce)) == []


def test_pkilint_does_judge() -> None:
    der = build(good()).replace(b"\xa0\x11\x18\x0f2026112113", b"\xa0\x11\x18\x0f2026112111")
    assert any("negative_validity" in finding for finding in ocsp_findings(der))


def test_openssl_reads_and_verifies_each(openssl: OpenSSL) -> None:
    responses = [good(1), good(2, "sha256"), revoked("certificateHold", 0x27), unknown(4)]
    request = OCSPRequest(tuple(each.asked for each in responses), b"n" * 16)
    (openssl.folder / "ca.pem").write_bytes(pem("CERTIFICATE", authority()[0].der))
    (openssl.folder / "request.der").write_bytes(request.encoded)
    (openssl.folder / "response.der").write_bytes(build(*responses, nonce=b"n" * 16))
    listed = ["-serial", "1", "-sha256", "-serial", "2", "-sha1", "-serial", "0x27", "-sha1", "-serial", "4"]
    files = ["-issuer", "ca.pem", "-CAfile", "ca.pem", "-respin", "response.der"]
    said = openssl.words("ocsp", *files, *listed, "-no_nonce", *AT, "-validity_period", "999999999")
    assert "Response verify OK" in said
    assert [line for line in said.splitlines() if line[:1].isdecimal()] == [
        "1: good",
        "2: good",
        "0x27: revoked",
        "4: unknown",
    ]
    assert "Reason: certificateHold" in said
    assert "Nonce" in openssl.words("ocsp", "-respin", "response.der", "-text", "-noverify")


@pytest.mark.parametrize(
    "wrong",
    [
        {"next_update": NOW},
        {"revoked_at": NOW},
        {"status": CertStatus.REVOKED},
        {"status": CertStatus.REVOKED, "revoked_at": NOW, "reason": "because"},
        {"status": CertStatus.UNKNOWN, "revoked_at": NOW},
    ],
)
def test_what_cannot_be_said_is_not(wrong: dict[str, Any]) -> None:
    usual = {"status": CertStatus.GOOD, "this_update": NOW, "next_update": NOW + HOUR}
    with pytest.raises(ValueError, match=r"ends before|revoked|not a reason"):
        SingleResponse(asked(), **{**usual, **wrong})


def test_a_responder_of_another_kind_signs_by_its_own_algorithm() -> None:
    key = software.generate("rsa-2048")
    der = build_response([good()], responder=responder().certificate, key=key, produced_at=NOW, nonce=None)
    assert ocsp.load_der_ocsp_response(der).signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11"
