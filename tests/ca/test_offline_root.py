"""An offline root in a folder: what it signs, signs again, revokes, and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.asn1.pem import pem
from shared.ca.folder import CAFolder
from shared.ca.offline_root import Below, OfflineRoot
from shared.ca.request import build_ca_request, build_responder_request
from shared.errors import IssuanceFault, KeyUnavailable
from shared.x509.crl import verify_crl
from shared.x509.names import Name
from shared.x509.request import CertificateRequest
from tests.ca.houses import issuing, key, root
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW, URL

BELOW = Below(URL, 1800 * DAY)
PASSWORD = "correct horse battery staple"


@pytest.fixture
def place(tmp_path: Path) -> OfflineRoot:
    made = OfflineRoot(CAFolder(tmp_path / "root", PASSWORD))
    made.make(Name.from_text("CN=Root,O=Example"), "p-256", not_before=NOW - DAY, life=7000 * DAY)
    made.next_crl(now=NOW, life=365 * DAY)
    return made


def request(name: str = "Issuing") -> CertificateRequest:
    return CertificateRequest.from_der(build_ca_request(key(name), Name.build([("CN", name)])))


def test_a_root_that_is_there_stays(place: OfflineRoot) -> None:
    before = place.certificate
    again = place.make(Name.from_text("CN=Another"), "p-384", not_before=NOW, life=DAY)
    assert again == before


def test_what_it_signed_is_found_until_it_is_revoked_or_over(place: OfflineRoot) -> None:
    made = place.certify(request(), BELOW, NOW)
    assert place.find(made.spki, NOW) == made
    assert place.find(made.spki, made.not_after) is None
    renewed = place.certify(request(), BELOW, NOW + DAY)
    assert place.find(made.spki, NOW + DAY) == renewed
    for each in (renewed, made):
        place.next_crl(now=NOW + 2 * DAY, life=365 * DAY, revoke=each)
    assert place.find(made.spki, NOW + 2 * DAY) is None


def test_openssl_follows_it(place: OfflineRoot, openssl: OpenSSL) -> None:
    one, two = place.certify(request(), BELOW, NOW), place.certify(request("Two"), BELOW, NOW)
    crl = place.next_crl(now=NOW, life=365 * DAY, revoke=one)
    for name, blocks in {
        "root": pem("CERTIFICATE", place.certificate.der),
        "one": pem("CERTIFICATE", one.der),
        "two": pem("CERTIFICATE", two.der),
        "crl": pem("X509 CRL", crl),
    }.items():
        (openssl.folder / f"{name}.pem").write_bytes(blocks)
    at = ("-attime", str(int(NOW.timestamp()) + 60))
    given = ("verify", "-x509_strict", *at, "-CAfile", "root.pem", "-CRLfile", "crl.pem", "-crl_check")
    assert "certificate revoked" in openssl.refusal(*given, "one.pem")
    assert b"OK" in openssl.run(*given, "two.pem")
    assert b"CA Compromise" in openssl.run("crl", "-in", "crl.pem", "-noout", "-text")


def test_crls_go_on_from_the_last_one(place: OfflineRoot) -> None:
    made = place.certify(request(), BELOW, NOW)
    first = place.crl
    place.next_crl(now=NOW, life=365 * DAY, revoke=made)
    place.next_crl(now=NOW, life=365 * DAY, revoke=made)
    der = place.next_crl(now=NOW + DAY, life=365 * DAY)
    last = place.crl
    assert first is not None
    assert last is not None
    assert last.number > first.number + 1
    assert [entry.serial_hex for entry in last.entries()] == [made.serial_hex]
    verify_crl(der, place.certificate.public_key)


def test_a_crl_is_due_after_half_its_life(place: OfflineRoot) -> None:
    assert not place.needs_crl(NOW + 182 * DAY)
    assert place.needs_crl(NOW + 183 * DAY)


def test_what_is_of_another_root_is_not_revoked_here(place: OfflineRoot) -> None:
    with pytest.raises(IssuanceFault, match="not signed by this root"):
        place.next_crl(now=NOW, life=DAY, revoke=issuing())


def test_it_does_not_certify_itself(place: OfflineRoot) -> None:
    own = CertificateRequest.from_der(
        build_ca_request(place.folder.key("root"), Name.build([("CN", "Other")]))
    )
    named = CertificateRequest.from_der(build_ca_request(key("x"), place.certificate.subject))
    for asked in (own, named):
        with pytest.raises(IssuanceFault, match="own key or name"):
            place.certify(asked, BELOW, NOW)
    with pytest.raises(IssuanceFault, match="another CA"):
        place.cross_certify(place.certificate, BELOW, NOW)


def test_a_cross_certificate_has_the_other_roots_name_and_key(place: OfflineRoot) -> None:
    cross = place.cross_certify(root("Next"), BELOW, NOW)
    assert (cross.subject, cross.spki) == (root("Next").subject, root("Next").spki)
    assert cross.issuer == place.certificate.subject
    assert cross.basic_constraints == (True, 1)


def test_a_responder_lives_for_a_year(place: OfflineRoot) -> None:
    asked = CertificateRequest.from_der(build_responder_request(key("Responder")))
    made = place.certify_responder(asked, now=NOW, backdate=DAY)
    assert made.not_after == NOW + 365 * DAY
    assert made.spki == asked.spki
    assert not made.is_ca


def test_without_its_key_or_password_it_signs_nothing(place: OfflineRoot) -> None:
    wrong = OfflineRoot(CAFolder(place.folder.path, "wrong"))
    with pytest.raises(KeyUnavailable, match="SCEPTER_CA_KEY_PASSWORD"):
        wrong.certify(request(), BELOW, NOW)
    (place.folder.path / "root.key").unlink()
    with pytest.raises(KeyUnavailable, match=r"no root\.key"):
        place.next_crl(now=NOW, life=DAY)
