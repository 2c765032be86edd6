"""strongSwan's `pki --scep` against the host, with both kinds of CA key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shared.x509.certificate import Certificate
from tests.e2e.host import Host
from tests.e2e.relying_party import RelyingParty
from tests.e2e.strongswan import Answer, StrongSwan

pytestmark = [pytest.mark.host, pytest.mark.client]


@dataclass(frozen=True)
class Scene:
    """A client that has fetched the CA certificates, and who relies on what it gets."""

    host: Host
    client: StrongSwan
    ca: Answer
    relying_party: RelyingParty

    def challenge(self, profile: str = "device") -> str:
        names = {"sans": self.client.sans, "device": self.client.name}
        return self.host.challenge(self.client.subject, profile=profile, **names)

    def enrol(self, *more: str) -> Certificate:
        """A certificate that is on record and that a relying party accepts."""
        certificate = self.client.enrol(self.challenge(), *more).certificate
        self.relying_party.accepts(certificate)
        return certificate

    @property
    def on_record(self) -> list[str]:
        owner = f"device:{self.client.name}"
        return [record["serial"] for record in self.host.records(owner=owner)]


@pytest.fixture(params=["host", "rsa_host"], ids=["p-256", "rsa"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    host: Host = request.getfixturevalue(request.param)
    client = StrongSwan(tmp_path, host.scep(), f"swan-{secrets.token_hex(4)}")
    ca = client.fetch_ca()
    assert ca.code == 0, ca.said
    return Scene(host, client, ca, RelyingParty(tmp_path, host.http, host.site.ca.certificate("root")))


def test_it_trusts_the_issuing_ca_and_the_ra_by_the_root(scene: Scene) -> None:
    assert "Sub CA cert is trusted" in scene.ca.said
    assert "RA cert is trusted" in scene.ca.said


def test_it_enrols_with_a_sealed_challenge(scene: Scene) -> None:
    certificate = scene.enrol()
    assert certificate.subject.text() == scene.client.subject
    assert sorted(name.text() for name in certificate.sans) == sorted(scene.client.sans)
    assert scene.on_record == [certificate.serial_hex]


@pytest.mark.parametrize(
    "choice", [("--digest", "sha384"), ("--digest", "sha512"), ("--rsa-padding", "pss")], ids=lambda c: c[1]
)
def test_it_enrols_with_other_algorithms(scene: Scene, choice: tuple[str, str]) -> None:
    assert scene.enrol(*choice).serial_hex in scene.on_record


def test_it_renews_with_a_new_key_and_no_challenge(scene: Scene) -> None:
    first = scene.enrol()
    second = scene.client.renew(first).certificate
    scene.relying_party.accepts(second)
    assert second.key_hash != first.key_hash
    assert sorted(scene.on_record) == sorted([first.serial_hex, second.serial_hex])


def test_a_revoked_certificate_is_found_revoked_and_does_not_renew(scene: Scene) -> None:
    certificate = scene.enrol()
    scene.host.revoke(certificate.serial_hex)
    scene.relying_party.finds_revoked(certificate)
    refused = scene.client.renew(certificate)
    assert refused.code != 0
    assert "badCertId" in refused.said


def test_a_wrong_challenge_is_reported(scene: Scene) -> None:
    refused = scene.client.enrol("not-the-challenge")
    assert refused.code != 0
    assert "badRequest" in refused.said
    assert refused.output == b""
    assert scene.on_record == []


def test_the_challenge_of_another_device_is_reported(scene: Scene) -> None:
    challenge = scene.host.challenge("CN=other,O=Probe,C=CZ", sans=scene.client.sans, device="other")
    refused = scene.client.enrol(challenge)
    assert refused.code != 0
    assert "badRequest" in refused.said


@pytest.mark.parametrize("choice", [("--cipher", "des3"), ("--digest", "sha1")], ids=lambda c: c[1])
def test_a_legacy_algorithm_is_refused_by_name(scene: Scene, choice: tuple[str, str]) -> None:
    refused = scene.client.enrol(scene.challenge(), *choice)
    assert refused.code != 0
    assert "badAlg" in refused.said


def test_a_profile_for_old_devices_takes_legacy_algorithms(scene: Scene) -> None:
    client = replace(scene.client, url=scene.host.scep("old"))
    certificate = client.enrol(scene.challenge("old"), "--cipher", "des3", "--digest", "sha1").certificate
    scene.relying_party.accepts(certificate)
