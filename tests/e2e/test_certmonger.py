"""certmonger against the host: enrolment, its two kinds of renewal, and refusals it can tell."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.x509.certificate import Certificate
from tests.e2e import certmonger
from tests.e2e.certmonger import Certmonger
from tests.e2e.host import Host
from tests.e2e.relying_party import RelyingParty

pytestmark = [pytest.mark.host, pytest.mark.client]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certmonger]:
    with certmonger.running(tmp_path_factory.mktemp("certmonger")) as running:
        yield running


@dataclass
class Scene:
    """A name of its own, for CA and request, on a certmonger that all tests share."""

    host: Host
    client: Certmonger
    relying_party: RelyingParty
    name: str = field(default_factory=lambda: f"monger-{secrets.token_hex(4)}")

    def request(self, challenge: str) -> None:
        subject = f"CN={self.name},O=Probe"
        self.client.add_ca(self.name, self.host.scep())
        self.client.request(self.name, challenge, subject=subject, dns=f"{self.name}.example.org")

    def enrol(self) -> Certificate:
        # As certmonger writes names, the first part of the text is the first in the certificate.
        subject, sans = f"O=Probe,CN={self.name}", [f"dns:{self.name}.example.org"]
        self.request(self.host.challenge(subject, sans=sans, device=self.name))
        return self.client.certificate(self.name)

    @property
    def on_record(self) -> dict[str, str]:
        """Who vouched, by serial."""
        records = self.host.records(owner=f"device:{self.name}")
        return {record["serial"]: record["vouchedBy"] for record in records}


@pytest.fixture(params=["host", "rsa_host"], ids=["p-256", "rsa"])
def scene(request: pytest.FixtureRequest, client: Certmonger, tmp_path: Path) -> Scene:
    host: Host = request.getfixturevalue(request.param)
    return Scene(host, client, RelyingParty(tmp_path, host.http, host.site.ca.certificate("root")))


def test_it_enrols_with_a_sealed_challenge(scene: Scene) -> None:
    certificate = scene.enrol()
    assert scene.on_record == {certificate.serial_hex: "sealed:demo"}
    scene.relying_party.accepts(certificate)


def test_it_renews_with_the_same_key_and_with_a_new_one(scene: Scene) -> None:
    first = scene.enrol()
    scene.client.resubmit(scene.name)
    second = scene.client.certificate(scene.name, after=first)
    scene.client.rekey(scene.name)
    third = scene.client.certificate(scene.name, after=second)
    assert second.key_hash == first.key_hash
    assert third.key_hash != second.key_hash
    vouchers = ["sealed:demo", f"renewal:{first.serial_hex}", f"renewal:{second.serial_hex}"]
    serials = [each.serial_hex for each in (first, second, third)]
    assert scene.on_record == dict(zip(serials, vouchers, strict=True))
    for certificate in (first, second, third):
        scene.relying_party.accepts(certificate)


def test_a_wrong_challenge_is_a_rejection_and_not_an_outage(scene: Scene) -> None:
    scene.request("not-the-challenge")
    said = scene.client.await_words(scene.name, "status: CA_REJECTED\n")
    assert "ca-error: " in said
    assert scene.on_record == {}


def test_a_revoked_certificate_is_found_revoked_and_its_renewal_refused(scene: Scene) -> None:
    certificate = scene.enrol()
    scene.host.revoke(certificate.serial_hex)
    scene.relying_party.finds_revoked(certificate)
    scene.client.resubmit(scene.name)
    said = scene.client.await_words(scene.name, "ca-error: ")
    assert "not permitted" in said  # badRequest in its words; it goes on to watch what it has
    assert list(scene.on_record) == [certificate.serial_hex]
