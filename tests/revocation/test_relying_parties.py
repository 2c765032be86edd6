"""What relying parties see of a revocation: OpenSSL and pkilint read the published CRL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.asn1.pem import pem
from shared.store.ports import CertificateRecord
from tests.programs import OpenSSL
from tests.revocation.authority import LIFE, MINUTE, Authority
from tests.scep.authority import NOW, tiers
from tests.x509.lint import crl_findings

ALGORITHMS = ("rsa-2048", "p-256", "p-384")
VERIFY_CRL = ("crl", "-in", "ca.crl", "-inform", "DER", "-noout", "-verify", "-CAfile", "issuing.pem")


@pytest.fixture(params=["p-256"])
def ca(request: pytest.FixtureRequest) -> Authority:
    return Authority(request.param)


def publish(ca: Authority, openssl: OpenSSL) -> None:
    """Publish, and put the CRL where openssl looks."""
    ca.publisher.publish()
    (openssl.folder / "ca.crl").write_bytes(ca.crl().der)
    (openssl.folder / "crl.pem").write_bytes(pem("X509 CRL", ca.crl().der))
    root = tiers(ca.algorithm)[0]
    (openssl.folder / "issuing.pem").write_bytes(pem("CERTIFICATE", ca.issuer.certificate.der))
    chain = pem("CERTIFICATE", ca.issuer.certificate.der) + pem("CERTIFICATE", root.der)
    (openssl.folder / "chain.pem").write_bytes(chain)


def check(ca: Authority, openssl: OpenSSL, record: CertificateRecord, after: timedelta = MINUTE) -> list[str]:
    (openssl.folder / "device.pem").write_bytes(pem("CERTIFICATE", ca.certificate(record).der))
    at = str(int((ca.now + after).timestamp()))
    options = ("-attime", at, "-x509_strict", "-crl_check", "-CRLfile", "crl.pem", "-CAfile", "chain.pem")
    return ["verify", *options, "device.pem"]


@pytest.mark.parametrize("ca", ALGORITHMS, indirect=True)
def test_openssl_verifies_the_crls_signature(ca: Authority, openssl: OpenSSL) -> None:
    ca.revoke(ca.issue())
    publish(ca, openssl)
    assert "verify OK" in openssl.words(*VERIFY_CRL)


def test_openssl_refuses_a_crl_that_was_touched(ca: Authority, openssl: OpenSSL) -> None:
    ca.revoke(ca.issue())
    publish(ca, openssl)
    spoilt = bytearray(ca.crl().der)
    spoilt[len(spoilt) // 2] ^= 1
    (openssl.folder / "ca.crl").write_bytes(bytes(spoilt))
    assert "verify OK" not in openssl.words(*VERIFY_CRL)


@pytest.mark.parametrize("ca", ALGORITHMS, indirect=True)
def test_openssl_sees_who_is_revoked_and_who_is_not(ca: Authority, openssl: OpenSSL) -> None:
    revoked, good = ca.issue(), ca.issue()
    ca.revoke(revoked)
    publish(ca, openssl)
    openssl.run(*check(ca, openssl, good))
    assert "certificate revoked" in openssl.refusal(*check(ca, openssl, revoked))


def test_openssl_sees_a_hold_and_its_end(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    ca.revoke(record, "certificateHold")
    publish(ca, openssl)
    assert "certificate revoked" in openssl.refusal(*check(ca, openssl, record))
    ca.lift(record)
    publish(ca, openssl)
    openssl.run(*check(ca, openssl, record))


def test_openssl_takes_the_crl_until_its_end_and_not_a_second_longer(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    publish(ca, openssl)
    openssl.run(*check(ca, openssl, record, after=LIFE - MINUTE))
    assert "CRL has expired" in openssl.refusal(*check(ca, openssl, record, after=LIFE + MINUTE))


def test_a_clock_that_is_minutes_late_takes_a_fresh_crl(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    publish(ca, openssl)
    openssl.run(*check(ca, openssl, record, after=-9 * MINUTE))


def test_openssl_reads_time_reason_and_number(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    ca.revoke(record, "cessationOfOperation")
    publish(ca, openssl)
    text = openssl.run("crl", "-in", "ca.crl", "-inform", "DER", "-noout", "-text").decode()
    assert f"Serial Number: {record.serial.upper()}" in text
    assert "Revocation Date: Nov 21 12:00:00 2026 GMT" in text
    assert "Cessation Of Operation" in text
    assert str(int(NOW.timestamp())) in text


@pytest.mark.parametrize("ca", ALGORITHMS, indirect=True)
@pytest.mark.parametrize("reason", ["", "unspecified", "keyCompromise", "certificateHold"])
def test_pkilint_finds_nothing_in_it(ca: Authority, reason: str) -> None:
    record = ca.issue()
    if reason:
        ca.revoke(record, reason)
    ca.publisher.publish()
    assert crl_findings(ca.crl().der) == []
