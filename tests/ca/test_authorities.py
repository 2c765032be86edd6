"""The CAs of a house as a running worker knows them: read again in time, faults kept apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.ca import hierarchy
from shared.ca.authorities import Authorities
from shared.ca.authority import CertificateAuthority
from shared.ca.issuer import Issuer, issuer_id
from shared.ca.roster import DEFAULT, Generation
from shared.ca.turns import take_over
from shared.errors import ChallengeRejected, IssuanceFault, KeyUnavailable
from shared.keys.ports import SigningKey
from shared.store.memory import MemoryStore
from shared.x509.crl import RevokedEntry
from tests.ca.homes import MemoryHome, home_of
from tests.ca.houses import issuing, key, root
from tests.ca.stores import order, template
from tests.scep.authority import DAY, NOW, URL

FIRST, SECOND, WIFI = issuing(), issuing("Issuing 2"), issuing("Wifi", of="Root 2")


@dataclass
class Scene:
    """Two CAs; profile `wifi` has one of its own."""

    home: MemoryHome = field(default_factory=lambda: home_of(FIRST, key("Issuing"), root()))
    wifi: MemoryHome = field(default_factory=lambda: home_of(WIFI, key("Wifi"), root("Root 2")))
    ticks: float = 0
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authorities = Authorities(
            {DEFAULT: self.home, "wifi": self.wifi},
            self.make,
            ca_of=lambda profile: "wifi" if profile == "wifi" else DEFAULT,
            ticks=lambda: self.ticks,
        )

    def make(self, generation: Generation, signing_key: SigningKey) -> Issuer:
        self.made.append(generation.certificate.subject.text())
        return Issuer(generation.certificate, generation.chain, signing_key, URL)

    def issues(self, profile: str = "device") -> str:
        return self.authorities.issuing(profile, NOW).certificate.subject.text()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_profiles_choose(scene: Scene) -> None:
    assert (scene.issues(), scene.issues("wifi")) == ("CN=Issuing", "CN=Wifi")
    assert scene.authorities.find(issuer_id(WIFI.spki)) is scene.authorities.issuing("wifi", NOW)
    assert len(scene.authorities.known()) == 2


def test_an_issuer_is_made_once(scene: Scene) -> None:
    for _ in range(3):
        scene.issues()
    assert scene.made == ["CN=Issuing"]


def test_a_take_over_is_learnt_without_a_restart(scene: Scene) -> None:
    scene.issues()
    scene.home.keys.append(key("Issuing 2"))
    scene.home.held = take_over(
        scene.home.held.with_own(SECOND, None), issuer_id(SECOND.spki), at=NOW, now=NOW
    )
    assert scene.issues() == "CN=Issuing 2"
    former = scene.authorities.find(issuer_id(FIRST.spki))
    assert former is not None
    assert former.certificate == FIRST


def test_a_home_that_is_dear_to_read_is_read_now_and_then(scene: Scene) -> None:
    scene.home.stale_after = scene.wifi.stale_after = timedelta(minutes=5)
    for _ in range(5):
        scene.issues()
    assert scene.home.looks == 1
    scene.ticks = 301
    scene.issues()
    assert scene.home.looks == 2
    assert scene.authorities.refresh().issuing(DEFAULT, NOW).certificate == FIRST
    assert scene.home.looks == 3


def test_a_home_that_is_away_stops_nobody_else_and_what_was_read_serves_on(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.issues()
    scene.home.away = "the vault is away"
    assert (scene.issues(), scene.issues("wifi")) == ("CN=Issuing", "CN=Wifi")
    assert "CA default cannot be read: the vault is away" in caplog.text


def test_a_home_that_was_never_there_says_why_and_comes_back(scene: Scene) -> None:
    scene.home.away = "the vault is away"
    with pytest.raises(KeyUnavailable, match="the vault is away"):
        scene.issues()
    assert scene.issues("wifi") == "CN=Wifi"
    scene.home.away = ""
    scene.ticks += 5
    assert scene.issues() == "CN=Issuing"


def test_a_renewed_certificate_makes_a_new_issuer_of_the_same_id(scene: Scene) -> None:
    before = scene.authorities.issuing("device", NOW)
    renewed = issuing(begins=NOW - DAY / 2, life=3000 * DAY)
    scene.home.held = scene.home.held.with_own(renewed, FIRST.not_before)
    after = scene.authorities.issuing("device", NOW)
    assert after.certificate == renewed
    assert after.id == before.id


def test_a_ca_that_its_root_has_revoked_signs_crls_and_no_certificates(scene: Scene) -> None:
    store = MemoryStore()
    authority = CertificateAuthority(scene.authorities, store)
    unfinished = authority.promise(template(1), order("before"), now=NOW)
    entry = RevokedEntry(FIRST.serial_hex, NOW, "cACompromise")
    crl = hierarchy.root_crl(root(), key("Root"), now=NOW, life=DAY, entries=[entry])
    scene.home.held = scene.home.held.with_crl(crl)
    assert scene.authorities.roster.revoked == {issuer_id(FIRST.spki)}
    with pytest.raises(IssuanceFault, match="successor has to take over"):
        authority.issue(template(2), order("after"), now=NOW)
    with pytest.raises(ChallengeRejected, match="its root has revoked"):
        authority.sign(unfinished)
    assert scene.authorities.find(issuer_id(FIRST.spki)) is not None
    assert list(store.records(issuer_id(FIRST.spki))) == []
