"""The two tiers, the RA and a device's certificate, judged by OpenSSL and pkilint too."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from shared.asn1 import oids
from shared.ca import hierarchy
from shared.ca.issuer import issuer_id
from shared.keys import software
from shared.keys.ports import public_key_info
from shared.x509.crl import parse_crl
from shared.x509.names import Name
from shared.x509.serial import expiry_day
from tests.ca.tiers import ALGORITHMS, ISSUING_LIFE, START, Hierarchy, device_of, hierarchy_of
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW, URL, key
from tests.x509.lint import certificate_findings, crl_findings

AT = str(int(NOW.timestamp()))
VERIFY = ("verify", "-attime", AT, "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem")


@pytest.fixture(params=ALGORITHMS)
def tiers(request: pytest.FixtureRequest) -> Hierarchy:
    return hierarchy_of(request.param)


def certificate_by_the_device(tiers: Hierarchy) -> bytes:
    """What a device might try: a certificate under its own, signed with its key (PEM)."""
    device = x509.load_der_x509_certificate(tiers.device.der).subject
    builder = x509.CertificateBuilder().subject_name(x509.Name.from_rfc4514_string("CN=admin"))
    builder = builder.issuer_name(device).public_key(key(1).public_key())
    builder = builder.serial_number(7).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    return builder.sign(key(0), hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("name", ["device", "ra", "issuing", "responder"])
def test_openssl_builds_the_chain_and_checks_every_crl(tiers: Hierarchy, openssl: OpenSSL, name: str) -> None:
    tiers.write(openssl)
    openssl.run(*VERIFY, "-crl_check_all", "-CRLfile", "crls.pem", f"{name}.pem")


def test_openssl_misses_a_crl_that_is_not_there(tiers: Hierarchy, openssl: OpenSSL) -> None:
    tiers.write(openssl)
    words = openssl.refusal(*VERIFY, "-crl_check_all", "device.pem")
    assert "unable to get certificate CRL" in words


def test_a_device_certifies_nobody_in_openssls_eyes(tiers: Hierarchy, openssl: OpenSSL) -> None:
    tiers.write(openssl)
    (openssl.folder / "forged.pem").write_bytes(certificate_by_the_device(tiers))
    pool = b"".join((openssl.folder / f"{name}.pem").read_bytes() for name in ("issuing", "device"))
    (openssl.folder / "issuing.pem").write_bytes(pool)
    assert "invalid CA certificate" in openssl.refusal(*VERIFY, "forged.pem")
    assert tiers.issuer.certificate.basic_constraints == (True, 0)


def test_openssl_takes_the_roots_responder_for_one(tiers: Hierarchy, openssl: OpenSSL) -> None:
    tiers.write(openssl)
    openssl.run(*VERIFY, "-purpose", "ocsphelper", "-crl_check", "-CRLfile", "crls.pem", "root-responder.pem")
    openssl.run(*VERIFY, "-purpose", "ocsphelper", "responder.pem")


@pytest.mark.parametrize("name", ["root", "issuing", "ra", "device", "responder", "root-responder"])
def test_pkilint_finds_nothing_in_a_certificate(tiers: Hierarchy, name: str) -> None:
    assert certificate_findings(tiers.certificates()[name].der) == []


def test_pkilint_finds_nothing_in_a_crl(tiers: Hierarchy) -> None:
    assert crl_findings(tiers.root_crl) == []
    assert crl_findings(tiers.crl) == []


def test_the_root_signs_for_itself_and_names_nobody_above(tiers: Hierarchy) -> None:
    root = tiers.root
    assert root.issuer.encoded == root.subject.encoded
    assert root.basic_constraints == (True, None)
    absent = {oids.AUTHORITY_KEY_IDENTIFIER, oids.CRL_DISTRIBUTION_POINTS, oids.AUTHORITY_INFORMATION_ACCESS}
    assert absent.isdisjoint(root.extensions)


def test_the_issuing_ca_points_at_the_roots_publications(tiers: Hierarchy) -> None:
    root = issuer_id(tiers.root.spki)
    extensions = tiers.issuer.certificate.extensions
    assert f"{URL}/crl/{root}.crl".encode() in extensions[oids.CRL_DISTRIBUTION_POINTS][1]
    assert f"{URL}/ca/{root}.cer".encode() in extensions[oids.AUTHORITY_INFORMATION_ACCESS][1]
    assert f"{URL}/ocsp".encode() in extensions[oids.AUTHORITY_INFORMATION_ACCESS][1]


def test_no_ca_certificate_has_an_extended_key_usage(tiers: Hierarchy) -> None:
    """It would limit every certificate below; and some clients look for one on the RA in vain or in error."""
    for name in ("root", "issuing", "ra"):
        assert tiers.certificates()[name].extended_key_usage is None


def test_the_ra_signs_and_receives(tiers: Hierarchy) -> None:
    assert tiers.ra.key_usage == frozenset({"digitalSignature", "keyEncipherment"})
    assert not tiers.ra.is_ca


def test_nothing_outlives_its_issuer() -> None:
    root_key = software.generate("p-256")
    root = hierarchy.self_signed_root(
        root_key, Name.build([("CN", "Root")]), not_before=START, life=100 * DAY
    )
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(software.generate("p-256")),
        subject=Name.build([("CN", "Issuing")]),
        not_before=START,
        life=200 * DAY,
        base_url=URL,
    )
    assert issuing.not_after == root.not_after


def test_a_subordinate_after_the_end_of_its_root_is_not_made() -> None:
    key = software.generate("p-256")
    root = hierarchy.self_signed_root(key, Name.build([("CN", "Root")]), not_before=START, life=100 * DAY)
    with pytest.raises(ValueError, match="ends before it begins"):
        hierarchy.subordinate(
            root,
            key,
            spki=public_key_info(software.generate("p-256")),
            subject=Name.build([("CN", "Issuing")]),
            not_before=START + 101 * DAY,
            life=200 * DAY,
            base_url=URL,
        )


def test_backdating_takes_from_the_life_and_adds_nothing() -> None:
    tiers = hierarchy_of("p-256")
    device = device_of(tiers.issuer)
    assert device.not_before == NOW - DAY
    assert device.not_after - device.not_before == 365 * DAY
    issuing = tiers.issuer.certificate
    assert (issuing.not_before, issuing.not_after - issuing.not_before) == (START, ISSUING_LIFE)


def test_the_roots_crl_is_empty_and_lasts_as_asked(tiers: Hierarchy) -> None:
    crl = parse_crl(tiers.root_crl)
    assert (len(crl), crl.this_update, crl.next_update) == (0, NOW, NOW + 365 * DAY)
    assert crl.number == int(NOW.timestamp())
    assert crl.authority_key_identifier == tiers.root.subject_key_identifier


def test_serials_know_the_day_their_certificate_ends(tiers: Hierarchy) -> None:
    for certificate in (tiers.root, tiers.issuer.certificate):
        assert expiry_day(certificate.serial_hex) == certificate.not_after.date()
