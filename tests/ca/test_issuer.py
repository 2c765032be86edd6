"""An issuer proves that its parts belong together, and what it signs reads back as it was composed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.asn1 import oids
from shared.ca import hierarchy
from shared.ca.issuer import Issuer, Locations, issuer_id
from shared.errors import IssuanceFault
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import Certificate, CertificateTemplate, assemble
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.ca.drafts import CA_NAME, good_draft, keys
from tests.scep.authority import DAY, NOW, URL, World, tiers

SERIAL = "25aa" + "01" * 17


def template(*, ends: timedelta = 365 * DAY) -> CertificateTemplate:
    spki = public_key_info(keys("device"))
    extensions = (basic_constraints(False), key_usage(["digitalSignature"]), subject_key_identifier(spki))
    return CertificateTemplate(Name.build([("CN", "dev1")]), spki, NOW, NOW + ends, extensions)


def test_a_key_that_is_not_the_certificates_is_refused() -> None:
    root, issuing, _, _ = tiers("p-256")
    with pytest.raises(IssuanceFault, match="do not belong together"):
        Issuer(issuing, (root,), keys("another"), URL)


def test_a_certificate_that_is_no_cas_is_refused() -> None:
    world = World()
    with pytest.raises(IssuanceFault, match="not a CA's"):
        Issuer(world.ra.certificate, (world.issuer.certificate, world.root), world.ra.key, URL)


def test_a_chain_that_does_not_certify_the_ca_is_refused() -> None:
    _, issuing, key, _ = tiers("p-256")
    foreign_root = tiers("p-384")[0]
    with pytest.raises(IssuanceFault, match="chain"):
        Issuer(issuing, (foreign_root,), key, URL)


def test_a_chain_of_the_right_name_and_the_wrong_key_is_refused() -> None:
    root, issuing, key, _ = tiers("p-256")
    impostor = hierarchy.self_signed_root(
        keys("impostor"), root.subject, not_before=root.not_before, life=7000 * DAY
    )
    with pytest.raises(IssuanceFault, match="chain"):
        Issuer(issuing, (impostor,), key, URL)


def test_a_chain_that_ends_before_its_root_is_refused() -> None:
    _, issuing, key, _ = tiers("p-256")
    with pytest.raises(IssuanceFault, match="chain"):
        Issuer(issuing, (), key, URL)


def subordinate_of(parent: Certificate, parent_key: SigningKey) -> Certificate:
    """An issuing CA for the key `keys("issuing")`."""
    return hierarchy.subordinate(
        parent,
        parent_key,
        spki=public_key_info(keys("issuing")),
        subject=Name.build([("CN", "Issuing below")]),
        not_before=NOW,
        life=90 * DAY,
        base_url=URL,
    )


def test_a_chain_with_a_parent_that_is_no_ca_is_refused() -> None:
    world = World()
    below = subordinate_of(world.ra.certificate, world.ra.key)
    with pytest.raises(IssuanceFault, match="chain"):
        Issuer(below, (world.ra.certificate, world.issuer.certificate, world.root), keys("issuing"), URL)


def test_an_old_root_that_signed_itself_with_sha_1_still_serves() -> None:
    root_key = keys("ca")
    draft = good_draft(ca=True).for_key(public_key_info(root_key))
    old = draft.but(
        subject=CA_NAME.encoded,
        algorithm=signature_algorithm(root_key, "sha1"),
        extensions={oids.AUTHORITY_KEY_IDENTIFIER: None},
    ).tbs()
    signed = assemble(old, signature_algorithm(root_key, "sha1"), sign(root_key, old, "sha1"))
    root = Certificate.from_der(signed)
    issuer = Issuer(subordinate_of(root, root_key), (root,), keys("issuing"), URL)
    assert issuer.chain == (root,)


def test_the_id_is_of_the_key_and_not_of_the_certificate() -> None:
    world = World()
    assert world.issuer.id == issuer_id(public_key_info(world.issuer.key))
    assert len(world.issuer.id) == 16
    assert issuer_id(world.root.spki) != world.issuer.id


def test_urls_are_below_the_base_url_and_name_the_issuer() -> None:
    places = Locations("http://pki.example.org", "00112233aabbccdd")
    assert places.crl == "http://pki.example.org/crl/00112233aabbccdd.crl"
    assert places.ca_certificate == "http://pki.example.org/ca/00112233aabbccdd.cer"
    assert places.ocsp == "http://pki.example.org/ocsp"


def test_what_is_composed_carries_serial_issuer_and_places() -> None:
    issuer = World().issuer
    certificate = issuer.sign(issuer.compose(template(), SERIAL))
    assert certificate.serial_hex == SERIAL
    assert certificate.issuer.encoded == issuer.certificate.subject.encoded
    assert certificate.authority_key_identifier == issuer.certificate.subject_key_identifier
    assert issuer.locations.crl.encode() in certificate.extensions[oids.CRL_DISTRIBUTION_POINTS][1]
    aia = certificate.extensions[oids.AUTHORITY_INFORMATION_ACCESS][1]
    assert issuer.locations.ca_certificate.encode() in aia
    assert issuer.locations.ocsp.encode() in aia


def test_where_ocsp_is_may_be_left_out() -> None:
    root, issuing, key, _ = tiers("p-256")
    issuer = Issuer(issuing, (root,), key, URL, ocsp=False)
    certificate = issuer.sign(issuer.compose(template(), SERIAL))
    aia = certificate.extensions[oids.AUTHORITY_INFORMATION_ACCESS][1]
    assert issuer.locations.ca_certificate.encode() in aia
    assert b"/ocsp" not in aia


def responder() -> CertificateTemplate:
    spki, name = public_key_info(keys("responder")), Name.build([("CN", "OCSP")])
    return hierarchy.responder_template(spki, name, not_before=NOW - DAY, not_after=NOW + 7 * DAY)


def test_a_responder_is_delegated_and_points_nowhere() -> None:
    issuer = World().issuer
    certificate = issuer.delegate(responder(), SERIAL)
    assert certificate.extended_key_usage == (oids.EKU_OCSP_SIGNING,)
    assert certificate.extensions[oids.OCSP_NO_CHECK] == (False, b"\x05\x00")
    assert certificate.authority_key_identifier == issuer.certificate.subject_key_identifier
    assert not {oids.CRL_DISTRIBUTION_POINTS, oids.AUTHORITY_INFORMATION_ACCESS} & set(certificate.extensions)


def test_nobody_becomes_a_responder_by_enrolling() -> None:
    issuer = World().issuer
    with pytest.raises(IssuanceFault, match="does not sign a OCSP responder"):
        issuer.sign(issuer.compose(responder(), SERIAL))


def test_delegating_is_for_responders_alone() -> None:
    issuer = World().issuer
    with pytest.raises(IssuanceFault, match="does not sign a end-entity"):
        issuer.delegate(template(), SERIAL)
    with pytest.raises(IssuanceFault, match="live too long"):
        issuer.delegate(replace(responder(), not_after=NOW + 9 * DAY + timedelta(seconds=1)), SERIAL)


@pytest.mark.parametrize("ends", [1795 * DAY, 9000 * DAY])
def test_nothing_outlives_its_issuer(ends: timedelta) -> None:
    issuer = World().issuer
    certificate = issuer.sign(issuer.compose(template(ends=ends), SERIAL))
    assert certificate.not_after == issuer.certificate.not_after
    assert certificate.not_before == NOW


def test_a_life_that_fits_is_left_as_it_is() -> None:
    issuer = World().issuer
    assert issuer.bound(NOW + DAY) == NOW + DAY


@pytest.mark.parametrize("late", [timedelta(0), DAY])
def test_a_certificate_that_would_begin_after_its_issuers_end_is_a_fault_of_ours(late: timedelta) -> None:
    issuer = World().issuer
    begins = issuer.certificate.not_after + late
    due = replace(template(), not_before=begins, not_after=begins + DAY)
    with pytest.raises(IssuanceFault, match="has ended"):
        issuer.compose(due, SERIAL)


def test_a_signature_that_signs_something_else_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = World().issuer
    tbs = issuer.compose(template(), SERIAL)
    other = Certificate.from_der(issuer.sign(issuer.compose(template(), "26aa" + "02" * 17)).der)
    monkeypatch.setattr("shared.ca.issuer.assemble", lambda *_: other.der)
    with pytest.raises(IssuanceFault, match="does not read back"):
        issuer.sign(tbs)
