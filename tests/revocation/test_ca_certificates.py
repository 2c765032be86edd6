"""The CA certificates that relying parties fetch: each form says the same, and a second run changes nothing."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.ca.issuer import issuer_id
from shared.cms.signing import parse_degenerate
from shared.revocation.ca_certificates import CACertificatePublisher
from shared.store.memory import MemoryPublicationStore
from tests.ca.homes import roster_of
from tests.ca.tiers import Hierarchy, hierarchy_of
from tests.programs import OpenSSL


@pytest.fixture
def tiers() -> Hierarchy:
    return hierarchy_of("p-256")


def published(tiers: Hierarchy, *, root_crl: bool = True) -> MemoryPublicationStore:
    publications = MemoryPublicationStore()
    roster = roster_of(tiers.issuer, tiers.root_crl if root_crl else None)
    publisher = CACertificatePublisher(roster, publications)
    publisher.publish()
    publisher.publish()
    return publications


def data(publications: MemoryPublicationStore, name: str) -> bytes:
    found = publications.read(name)
    assert found is not None, name
    return found.data


def test_every_aia_and_cdp_url_of_the_chain_is_published(tiers: Hierarchy) -> None:
    publications = published(tiers)
    root = issuer_id(tiers.root.spki)
    assert data(publications, f"ca/{tiers.issuer.id}.cer") == tiers.issuer.certificate.der
    assert data(publications, f"ca/{root}.cer") == tiers.root.der
    assert data(publications, f"crl/{root}.crl") == tiers.root_crl
    for url in (tiers.issuer.locations.ca_certificate, f"{tiers.issuer.base_url}/crl/{root}.crl"):
        assert publications.read(url.removeprefix(f"{tiers.issuer.base_url}/")), url


def test_pem_forms_say_the_same(tiers: Hierarchy) -> None:
    publications = published(tiers)
    single = x509.load_pem_x509_certificate(data(publications, f"ca/{tiers.issuer.id}.pem"))
    assert single.serial_number == tiers.issuer.certificate.serial
    chain = x509.load_pem_x509_certificates(data(publications, f"ca/{tiers.issuer.id}-chain.pem"))
    assert [each.serial_number for each in chain] == [tiers.issuer.certificate.serial, tiers.root.serial]
    crl = x509.load_pem_x509_crl(data(publications, f"crl/{issuer_id(tiers.root.spki)}.crl.pem"))
    assert crl.public_bytes(Encoding.DER) == tiers.root_crl


def test_the_chain_in_pkcs7_is_read_by_others(tiers: Hierarchy, openssl: OpenSSL) -> None:
    chain = data(published(tiers), f"ca/{tiers.issuer.id}-chain.p7c")
    assert parse_degenerate(chain)[0] == (tiers.issuer.certificate.der, tiers.root.der)
    printed = openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=chain).decode()
    assert printed.count("BEGIN CERTIFICATE") == 2


def test_media_types_are_those_of_the_rfcs(tiers: Hierarchy) -> None:
    types = {
        name.split("/", 1)[1].partition(".")[2]: header["Content-Type"]
        for name, header in published(tiers).headers.items()
    }
    assert types == {
        "cer": "application/pkix-cert",
        "pem": "application/x-pem-file",
        "p7c": "application/pkcs7-mime",
        "crl": "application/pkix-crl",
        "crl.pem": "application/x-pem-file",
    }


def test_without_a_root_crl_the_rest_is_published(tiers: Hierarchy) -> None:
    publications = published(tiers, root_crl=False)
    assert publications.read(f"ca/{tiers.issuer.id}.cer")
    assert publications.read(f"crl/{issuer_id(tiers.root.spki)}.crl") is None


def test_the_issuing_cas_own_crl_is_not_touched(tiers: Hierarchy) -> None:
    assert published(tiers).read(f"crl/{tiers.issuer.id}.crl") is None
