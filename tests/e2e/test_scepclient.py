"""micromdm's `scepclient` against the host, under a profile that takes SHA-1 and single DES."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from shared.x509.certificate import Certificate
from tests.e2e.host import Host
from tests.e2e.pending import wait_for_request
from tests.e2e.relying_party import RelyingParty
from tests.e2e.scepclient import ScepClient

pytestmark = [pytest.mark.host, pytest.mark.client]


@dataclass(frozen=True)
class Scene:
    """A client, and who relies on what it gets."""

    host: Host
    client: ScepClient
    relying_party: RelyingParty

    def challenge(self, profile: str = "old") -> str:
        return self.host.challenge(self.client.subject, profile=profile, device=self.client.name)

    def enrol(self) -> Certificate:
        ended = self.client.run(self.host.scep("old"), self.challenge())
        assert ended.code == 0, ended.said
        certificate = self.client.certificate
        assert certificate is not None
        self.relying_party.accepts(certificate)
        return certificate

    @property
    def on_record(self) -> dict[str, str]:
        """Who vouched, by serial."""
        records = self.host.records(owner=f"device:{self.client.name}")
        return {record["serial"]: record["vouchedBy"] for record in records}


def scene_at(host: Host, folder: Path) -> Scene:
    (folder / "client").mkdir()
    client = ScepClient(folder / "client", f"mdm-{secrets.token_hex(4)}", host.ra)
    return Scene(host, client, RelyingParty(folder, host.http, host.site.ca.certificate("root")))


@pytest.fixture(params=["host", "rsa_host"], ids=["p-256", "rsa"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return scene_at(request.getfixturevalue(request.param), tmp_path)


def test_it_enrols_and_renews_and_each_time_the_log_is_loud(scene: Scene) -> None:
    first = scene.enrol()
    assert first.subject.text() == scene.client.subject
    ended = scene.client.run(scene.host.scep("old"), "none")
    assert ended.code == 0, ended.said
    second = scene.client.certificate
    assert second is not None
    scene.relying_party.accepts(second)
    assert second.key_hash == first.key_hash
    assert scene.on_record == {
        first.serial_hex: "sealed:demo",
        second.serial_hex: f"renewal:{first.serial_hex}",
    }
    assert "profile old LEGACY DES-CBC, SHA-1: the client should not use it" in scene.host.output()


def test_a_wrong_challenge_is_reported(scene: Scene) -> None:
    refused = scene.client.run(scene.host.scep("old"), "not-the-challenge")
    assert refused.code != 0
    assert "badRequest" in refused.said
    assert scene.client.certificate is None
    scene.client.forget()
    assert scene.enrol().serial_hex in scene.on_record


def test_a_profile_that_takes_nothing_old_refuses_it_by_name(scene: Scene) -> None:
    refused = scene.client.run(scene.host.scep(), scene.challenge())
    assert refused.code != 0
    assert "badAlg" in refused.said
    assert scene.on_record == {}


def test_it_comes_again_for_a_request_that_was_approved(host: Host, tmp_path: Path) -> None:
    """It sleeps for 30 seconds in between, and nobody can wake it."""
    scene = scene_at(host, tmp_path)
    challenge = scene.challenge("old-approved")

    def approve() -> None:
        request = wait_for_request(host, scene.client.subject)
        host.manage("PUT", f"requests/{request['id']}", {"decision": "approve"})

    administrator = Thread(target=approve)
    administrator.start()
    ended = scene.client.run(host.scep("old-approved"), challenge)
    administrator.join()
    assert ended.code == 0, ended.said
    assert "PENDING" in ended.said
    assert list(scene.on_record.values()) == ["sealed:demo approved:local administrator"]
