"""A CA kept in a vault: installed after checks, found again with the key that its certificate is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from shared.asn1.pem import pem
from shared.ca import hierarchy
from shared.ca.installing import install, issuer_of
from shared.ca.issuer import Issuer
from shared.ca.kept_identities import to_pem
from shared.ca.registration import OFFERED_AFTER, RegistrationAuthority
from shared.ca.roster import DEFAULT, Roster
from shared.ca.vault import VaultCA
from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys import software
from shared.keys.memory_secrets import MemorySecretStore
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW, URL, tiers

CHAIN, RA = "issuing-ca-chain", "scep-ra"


@dataclass
class Scene:
    """Secrets in memory, and the key of `algorithm` as the vault's only one."""

    algorithm: str = "p-256"

    def __post_init__(self) -> None:
        self.root, self.issuing, self.key, _ = tiers(self.algorithm)
        self.secrets = MemorySecretStore(lambda: self.at)
        self.at = NOW

    def worker(self) -> VaultCA:
        clock, maker = (lambda: self.at), Maker(self.key)
        return VaultCA(self.secrets, self.find, chain_secret=CHAIN, ra_secret=RA, clock=clock, maker=maker)

    def find(self, public_key: object) -> SigningKey:
        if public_key != self.key.public_key():
            raise KeyUnavailable("no version is the key of that certificate")
        return self.key

    def install(self) -> None:
        keep(self.worker(), [self.issuing, self.root])


@dataclass(frozen=True)
class Maker:
    """The vault's only key, made already."""

    key: SigningKey

    def newest(self) -> SigningKey:
        return self.key

    def make(self, algorithm: str) -> SigningKey:
        raise AssertionError(algorithm)


def keep(ca: VaultCA, certificates: list[Certificate], crl: bytes | None = None) -> None:
    """Install what was brought."""
    accepted = install(ca, certificates, [crl] if crl else [], now=NOW)
    ca.keep_holdings(accepted.holdings)


def issuer_in(ca: VaultCA) -> Issuer:
    return issuer_of(ca, Roster.of({DEFAULT: ca.holdings()}).issuing(DEFAULT, NOW), URL)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_was_installed_issues(scene: Scene) -> None:
    scene.install()
    issuer = issuer_in(scene.worker())
    assert issuer.certificate.der == scene.issuing.der
    assert [each.der for each in issuer.chain] == [scene.root.der]
    assert scene.worker().holdings().crls == ()


def test_installing_again_changes_nothing(scene: Scene) -> None:
    scene.install()
    scene.install()
    assert len(scene.secrets.versions(CHAIN)) == 1


def test_the_version_that_was_written_last_counts(scene: Scene) -> None:
    scene.install()
    broken = scene.secrets.add(CHAIN, "nonsense", media_type="text/plain")
    with pytest.raises(KeyUnavailable, match="holds no CA certificates"):
        scene.worker().holdings()
    scene.secrets.enable(CHAIN, broken.version, False)
    with pytest.raises(KeyUnavailable, match="disabled"):
        scene.worker().holdings()


def test_installing_does_not_write_over_what_it_cannot_read(scene: Scene) -> None:
    scene.secrets.add(CHAIN, "nonsense", media_type="text/plain")
    with pytest.raises(KeyUnavailable, match="holds no CA certificates"):
        scene.install()
    assert len(scene.secrets.versions(CHAIN)) == 1


def test_the_roots_crl_is_kept_beside(openssl: OpenSSL) -> None:
    root_key = software.generate("p-256")
    root = hierarchy.self_signed_root(
        root_key, Name.build([("CN", "Root")]), not_before=NOW - DAY, life=7000 * DAY
    )
    scene = Scene()
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=scene.issuing.spki,
        subject=Name.build([("CN", "Issuing")]),
        not_before=NOW - DAY,
        life=1800 * DAY,
        base_url=URL,
    )
    crl = hierarchy.root_crl(root, root_key, now=NOW, life=365 * DAY)
    keep(scene.worker(), [issuing, root], crl)
    assert scene.worker().holdings().crls == (crl,)
    (version,) = scene.secrets.versions(CHAIN)
    (openssl.folder / "chain.pem").write_text(scene.secrets.read(CHAIN, version.version))
    assert b"CN = Issuing" in openssl.run("x509", "-in", "chain.pem", "-noout", "-subject")
    assert "verify OK" in openssl.words("crl", "-in", "chain.pem", "-CAfile", "chain.pem", "-noout")


def test_what_does_not_belong_together_is_not_installed(scene: Scene) -> None:
    other = Scene("rsa-2048")
    crl = hierarchy.root_crl(scene.issuing, scene.key, now=NOW, life=DAY)
    for certificates, root_crl in (
        ([other.issuing, other.root], None),
        ([scene.issuing, other.root], None),
        ([scene.issuing], None),
        ([scene.issuing, scene.root], crl),
    ):
        with pytest.raises((IssuanceFault, KeyUnavailable)):
            keep(scene.worker(), certificates, root_crl)
    assert scene.secrets.versions(CHAIN) == []


@pytest.mark.parametrize(
    "text", [pem("X509 CRL", b"\x30\x00").decode(), pem("CERTIFICATE", b"\x30\x00").decode()]
)
def test_a_secret_without_certificates(scene: Scene, text: str) -> None:
    scene.secrets.add(CHAIN, text, media_type="text/plain")
    with pytest.raises(KeyUnavailable, match=CHAIN):
        scene.worker().holdings()


def test_before_the_ceremony_the_secret_is_named(scene: Scene) -> None:
    with pytest.raises(KeyUnavailable, match=f"no secret {CHAIN}"):
        scene.worker().holdings()


class TestRA:
    def test_a_first_identity_is_offered_at_once(self, scene: Scene) -> None:
        scene.install()
        ca = scene.worker()
        made = ca.add_ra_identity(issuer_in(ca), now=NOW, backdate=DAY)
        registration = RegistrationAuthority(scene.worker().ra_identities)
        assert registration.current(NOW).certificate.der == made.certificate.der
        assert made.since == NOW
        assert made.key.key_size == 2048

    def test_a_successor_is_offered_an_hour_later_by_every_worker(self, scene: Scene) -> None:
        scene.install()
        ca = scene.worker()
        first = ca.add_ra_identity(issuer_in(ca), now=NOW, backdate=DAY)
        other = RegistrationAuthority(scene.worker().ra_identities)
        scene.at = NOW + 200 * DAY
        assert other.needs_successor(scene.at)
        second = ca.add_ra_identity(issuer_in(ca), now=scene.at, backdate=DAY)
        assert other.reload(scene.at)
        soon = scene.at + OFFERED_AFTER - timedelta(seconds=1)
        assert other.current(soon).certificate.der == first.certificate.der
        assert other.current(scene.at + OFFERED_AFTER).certificate.der == second.certificate.der
        opened = [each.certificate.der for each in other.identities(scene.at)]
        assert opened == [first.certificate.der, second.certificate.der]
        assert not other.needs_successor(scene.at)

    def test_two_workers_that_add_at_once_agree_on_the_one_that_is_offered(self, scene: Scene) -> None:
        scene.install()
        workers = [scene.worker(), scene.worker()]
        for ca in workers:
            ca.add_ra_identity(issuer_in(ca), now=NOW, backdate=DAY)
        seen = [RegistrationAuthority(ca.ra_identities) for ca in workers]
        for at in (NOW, NOW + OFFERED_AFTER, NOW + 100 * DAY):
            assert len({each.current(at).certificate.der for each in seen}) == 1
            assert all(len(each.identities(at)) == 2 for each in seen)

    def test_identities_that_clients_cannot_seal_to_are_passed_over(self, scene: Scene) -> None:
        scene.secrets.add(RA, to_pem(scene.issuing, scene.key), media_type="text/plain")
        assert scene.worker().ra_identities() == []
