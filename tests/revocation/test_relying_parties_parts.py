"""What relying parties make of shards and deltas: OpenSSL checks certificates with them, pkilint looks for faults."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.asn1.pem import pem
from shared.revocation.scopes import CRLPlan, Scope, shards
from shared.store.ports import CertificateRecord
from tests.programs import OpenSSL
from tests.revocation.authority import LIFE, MINUTE, SECOND, Authority
from tests.scep.authority import tiers
from tests.x509.lint import crl_findings

HOUR = timedelta(hours=1)
ALGORITHMS = ("rsa-2048", "p-256", "p-384")


@pytest.fixture(params=["p-256"])
def ca(request: pytest.FixtureRequest) -> Authority:
    return Authority(request.param, plan=CRLPlan(LIFE, delta_life=4 * HOUR, shards=4))


def publish(ca: Authority) -> None:
    ca.now += SECOND
    ca.publisher.publish_change(ca.now)


def der(ca: Authority, name: str) -> bytes:
    found = ca.publications.read(name)
    assert found is not None
    return found.data


class Party:
    """Has the CA certificates and a certificate to check, and is given CRLs."""

    def __init__(self, ca: Authority, openssl: OpenSSL, record: CertificateRecord) -> None:
        self._ca, self._openssl = ca, openssl
        root = tiers(ca.algorithm)[0]
        chain = [ca.issuer.certificate.der, root.der]
        self._write("chain.pem", "CERTIFICATE", chain)
        self._write("device.pem", "CERTIFICATE", [ca.certificate(record).der])

    def accepts(self, *crls: bytes, deltas: bool = False) -> None:
        self._openssl.run(*self._command(crls, deltas))

    def refusal(self, *crls: bytes, deltas: bool = False) -> str:
        return self._openssl.refusal(*self._command(crls, deltas))

    def _command(self, crls: tuple[bytes, ...], deltas: bool) -> list[str]:
        self._write("crls.pem", "X509 CRL", list(crls))
        at = str(int((self._ca.now + MINUTE).timestamp()))
        options = [
            "-attime",
            at,
            "-x509_strict",
            "-crl_check",
            "-CRLfile",
            "crls.pem",
            "-CAfile",
            "chain.pem",
        ]
        if deltas:
            options += ["-extended_crl", "-use_deltas"]
        return ["verify", *options, "device.pem"]

    def _write(self, name: str, label: str, blocks: list[bytes]) -> None:
        (self._openssl.folder / name).write_bytes(b"".join(pem(label, block) for block in blocks))


@pytest.mark.parametrize("ca", ALGORITHMS, indirect=True)
def test_a_certificate_is_checked_by_its_shard(ca: Authority, openssl: OpenSSL) -> None:
    revoked, good = ca.issue(), ca.issue()
    ca.revoke(revoked)
    publish(ca)
    for record in (revoked, good):
        party, shard = Party(ca, openssl, record), der(ca, ca.shard(record))
        if record is good:
            party.accepts(shard)
        else:
            assert "certificate revoked" in party.refusal(shard)


def test_a_shard_is_taken_by_openssl_as_signed_by_the_ca(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    ca.revoke(record)
    publish(ca)
    Party(ca, openssl, record)
    (openssl.folder / "a.crl").write_bytes(der(ca, ca.shard(record)))
    said = openssl.words("crl", "-in", "a.crl", "-inform", "DER", "-noout", "-text", "-CAfile", "chain.pem")
    assert "verify OK" in said
    assert "Issuing Distribution Point: critical" in said
    assert f"URI:http://pki.example.org/{ca.shard(record)}" in said
    assert record.serial.upper() in said


def test_another_shard_and_another_counts_shard_are_refused(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    ca.replan(shards=2)
    ca.publisher.publish()
    ca.replan(shards=4)
    ca.publisher.publish()
    party = Party(ca, openssl, record)
    others = [scope.name for scope in shards(ca.issuer, 4) if scope.name != ca.shard(record)]
    for name in (*others, ca.shard(record, 2)):
        assert "different CRL scope" in party.refusal(der(ca, name))
    party.accepts(*(der(ca, name) for name in others), der(ca, ca.shard(record)))


def test_the_full_crl_is_as_good_as_the_shard(ca: Authority, openssl: OpenSSL) -> None:
    revoked, good = ca.issue(), ca.issue()
    ca.revoke(revoked)
    publish(ca)
    Party(ca, openssl, good).accepts(der(ca, ca.publisher.name))
    assert "certificate revoked" in Party(ca, openssl, revoked).refusal(der(ca, ca.publisher.name))


@pytest.mark.parametrize("ca", ALGORITHMS, indirect=True)
@pytest.mark.parametrize("part", ["full", "shard"])
def test_an_old_complete_crl_and_the_delta_know_what_is_new(
    ca: Authority, part: str, openssl: OpenSSL
) -> None:
    record = ca.issue()
    ca.publisher.publish()
    name = ca.publisher.name if part == "full" else ca.shard(record)
    delta_name = f"{name.removesuffix('.crl')}-delta.crl"
    old, party = der(ca, name), Party(ca, openssl, record)
    party.accepts(old, der(ca, delta_name), deltas=True)

    ca.now += HOUR
    ca.revoke(record, "certificateHold")
    publish(ca)
    held, delta = der(ca, name), der(ca, delta_name)
    party.accepts(old)  # which does not know
    assert "certificate revoked" in party.refusal(old, delta, deltas=True)
    assert "certificate revoked" in party.refusal(held, deltas=True)

    ca.now += HOUR
    ca.lift(record)
    publish(ca)
    delta = der(ca, delta_name)
    assert "certificate revoked" in party.refusal(held)  # which does not know
    party.accepts(held, delta, deltas=True)
    party.accepts(old, delta, deltas=True)

    ca.now += HOUR
    ca.revoke(record)
    publish(ca)
    assert "certificate revoked" in party.refusal(held, der(ca, delta_name), deltas=True)


def test_the_delta_of_another_shard_says_nothing(ca: Authority, openssl: OpenSSL) -> None:
    """OpenSSL leaves it aside, and says so where it must have a delta that fits."""
    record = ca.issue()
    ca.publisher.publish()
    old, party = der(ca, ca.shard(record)), Party(ca, openssl, record)
    ca.now += HOUR
    ca.revoke(record)
    publish(ca)
    others = [scope for scope in shards(ca.issuer, 4) if scope.name != ca.shard(record)]
    party.accepts(old, *(der(ca, scope.delta_name) for scope in others), deltas=True)
    whole = Scope.whole(ca.issuer).delta_name
    party.accepts(old, der(ca, whole), deltas=True)


def test_a_delta_alone_is_no_crl(ca: Authority, openssl: OpenSSL) -> None:
    record = ca.issue()
    ca.publisher.publish()
    party = Party(ca, openssl, record)
    assert "unable to get certificate CRL" in party.refusal(der(ca, ca.delta_name), deltas=True)


@pytest.mark.parametrize("ca", ALGORITHMS, indirect=True)
@pytest.mark.parametrize("state", ["empty", "revoked", "held", "lifted"])
def test_pkilint_finds_nothing_in_any_kind(ca: Authority, state: str) -> None:
    record = ca.issue()
    ca.publisher.publish()
    ca.now += HOUR
    if state != "empty":
        ca.revoke(record, "superseded" if state == "revoked" else "certificateHold")
        publish(ca)
    if state == "lifted":
        ca.now += HOUR
        ca.lift(record)
        publish(ca)
    shard = Scope.shard(ca.issuer, 4, int(ca.shard(record)[-5]))
    for name in (ca.publisher.name, ca.delta_name, shard.name, shard.delta_name):
        assert crl_findings(der(ca, name)) == []
