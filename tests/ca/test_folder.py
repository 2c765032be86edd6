"""A CA kept in a folder: what it says when something is missing, foreign or open to others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from shared.asn1.pem import pem
from shared.ca.folder import CAFolder, to_pem
from shared.ca.folder_holdings import certificates_in
from shared.errors import IssuanceFault, KeyUnavailable
from tests.ca.drafts import keys
from tests.scep.authority import DAY, NOW, URL, tiers

PASSWORD = "correct horse battery staple"


@pytest.fixture
def folder(tmp_path: Path) -> CAFolder:
    """A root's certificate and an issuing CA with its key."""
    root, issuing, issuing_key, _ = tiers("p-256")
    folder = CAFolder(tmp_path / "ca", PASSWORD)
    folder.keep("issuing", issuing, issuing_key)
    (folder.path / "root.pem").write_bytes(to_pem(root))
    return folder


def test_the_issuer_reads_back_from_the_folder(folder: CAFolder) -> None:
    issuer = folder.issuer(URL)
    assert issuer.certificate.der == tiers("p-256")[1].der
    assert issuer.chain[0].der == tiers("p-256")[0].der
    assert issuer.base_url == URL


def test_a_certificate_reads_back_as_it_was_kept(folder: CAFolder) -> None:
    kept = folder.certificate("issuing")
    text = (folder.path / "issuing.pem").read_bytes()
    assert x509.load_pem_x509_certificate(text).serial_number == kept.serial
    assert certificates_in(folder.path / "issuing.pem")[0].der == kept.der


def test_a_key_that_others_can_read_stops_the_issuer(folder: CAFolder) -> None:
    (folder.path / "issuing.key").chmod(0o644)
    with pytest.raises(KeyUnavailable, match="chmod 600"):
        folder.issuer(URL)


def test_a_wrong_password_stops_the_issuer_without_being_shown(folder: CAFolder) -> None:
    with pytest.raises(KeyUnavailable, match="SCEPTER_CA_KEY_PASSWORD") as refusal:
        CAFolder(folder.path, "Tr0ub4dor").issuer(URL)
    assert "Tr0ub4dor" not in refusal.value.reason
    assert PASSWORD not in repr(folder) + repr(vars(refusal.value))


def test_an_exchanged_key_stops_the_issuer(folder: CAFolder) -> None:
    (folder.path / "issuing.key").unlink()
    (folder.path / "issuing.pem").rename(folder.path / "aside.pem")
    folder.keep("issuing", folder.certificate("aside"), keys("another"))
    with pytest.raises(IssuanceFault, match="do not belong together"):
        folder.issuer(URL)


def test_an_empty_folder_says_what_to_run(tmp_path: Path) -> None:
    folder = CAFolder(tmp_path)
    assert not folder.exists()
    assert folder.root_crl() is None
    assert folder.ra_identities() == []
    with pytest.raises(KeyUnavailable, match="ca init"):
        folder.issuer(URL)


@pytest.mark.parametrize("content", [b"", b"junk", pem("CERTIFICATE", b"\x30\x00")])
def test_a_file_without_a_certificate_is_named(folder: CAFolder, content: bytes) -> None:
    (folder.path / "issuing.pem").write_bytes(content)
    with pytest.raises(KeyUnavailable, match=r"issuing\.pem does not hold a PEM certificate"):
        folder.issuer(URL)


def test_a_kept_key_with_its_certificate_is_never_overwritten(folder: CAFolder) -> None:
    before = (folder.path / "issuing.key").read_bytes()
    with pytest.raises(FileExistsError):
        folder.keep("issuing", folder.certificate("issuing"), keys("another"))
    assert (folder.path / "issuing.key").read_bytes() == before


def test_ra_identities_are_numbered_on_even_when_old_ones_were_removed(folder: CAFolder) -> None:
    issuer = folder.issuer(URL)
    made = [folder.add_ra_identity(issuer, now=NOW, backdate=DAY) for _ in range(2)]
    for leftover in folder.path.glob("ra-1.*"):
        leftover.unlink()
    (folder.path / "ra-old.pem").write_bytes(b"an administrator's copy")
    made.append(folder.add_ra_identity(issuer, now=NOW, backdate=DAY))
    found = [identity.certificate.der for identity in folder.ra_identities()]
    assert found == [identity.certificate.der for identity in made[1:]]
    assert sorted(file.name for file in folder.path.glob("ra-*.key")) == ["ra-2.key", "ra-3.key"]


def test_an_ra_identity_fits_scep_and_lasts_a_year(folder: CAFolder) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    identity = folder.add_ra_identity(folder.issuer(URL), now=NOW, backdate=DAY)
    certificate = identity.certificate
    assert certificate.subject.text() == "CN=Scepter SCEP RA,O=Example"
    assert (certificate.not_before, certificate.not_after) == (NOW - DAY, NOW + 365 * DAY)
    assert identity.key.key_size == 2048
    assert before <= identity.since <= datetime.now(UTC)
    assert certificate.public_key == identity.key.public_key()


def test_an_ra_key_that_clients_cannot_seal_to_is_refused(folder: CAFolder) -> None:
    folder.keep("ra-1", folder.certificate("issuing"), keys("ec ra"))
    with pytest.raises(KeyUnavailable, match="an RA key must be RSA"):
        folder.ra_identities()


def test_pem_is_what_others_read(folder: CAFolder) -> None:
    certificate = tiers("p-256")[3].certificate
    assert x509.load_pem_x509_certificate(to_pem(certificate)).public_key() == certificate.public_key
