"""The life of a CA: ceremony, successor, devices that move over, renewal, loss; with strongSwan and openssl."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.azurite import Azurite
from shared.ca.folder_holdings import certificates_in
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from tests.e2e.ca_house import House, id_of
from tests.e2e.command_line import run
from tests.e2e.host import Host
from tests.e2e.ocsp_askers import Asker
from tests.e2e.relying_party import RelyingParty
from tests.e2e.site import ROOT, Site
from tests.e2e.strongswan import StrongSwan
from tests.programs import openssl_in

pytestmark = [pytest.mark.host, pytest.mark.client, pytest.mark.long, pytest.mark.timeout(400)]


@dataclass
class Scene:
    """A host of the house, and what is asked of it."""

    house: House
    host: Host
    folder: Path
    root_folder: str = "root"

    @property
    def root(self) -> Certificate:
        return certificates_in(self.house.folder / self.root_folder / "root.pem")[0]

    def relying_party(self) -> RelyingParty:
        folder = self.folder / "relying-party"
        folder.mkdir(exist_ok=True)
        return RelyingParty(folder, self.host.http, self.root)

    def device(self, name: str) -> StrongSwan:
        """A client that has asked for the CA certificates now."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        client = StrongSwan(folder, self.host.scep(), name)
        for file in (*folder.glob("ca*.pem"), *folder.glob("ra*.pem")):
            file.unlink()
        answer = client.fetch_ca()
        assert answer.code == 0, answer.said
        assert "RA cert is trusted" in answer.said, answer.said
        return client

    def enrol(self, name: str, issuer: Certificate) -> Certificate:
        """With a fresh challenge, by `issuer`, and believed."""
        client = self.device(name)
        challenge = self.host.challenge(client.subject, sans=client.sans, device=name)
        return self._judged(client.enrol(challenge).certificate, issuer)

    def renew(self, name: str, certificate: Certificate, issuer: Certificate) -> Certificate:
        """By the certificate it has, without a challenge."""
        return self._judged(self.device(name).renew(certificate).certificate, issuer)

    def _judged(self, certificate: Certificate, issuer: Certificate) -> Certificate:
        assert certificate.authority_key_identifier == issuer.subject_key_identifier
        self.relying_party().accepts(certificate)
        return certificate

    def ocsp(self, certificate: Certificate, issuer: Certificate) -> list[str]:
        folder = self.folder / "ocsp"
        folder.mkdir(exist_ok=True)
        asker = Asker(folder, f"{self.host.url}/ocsp", self.host.http, self.root, issuer)
        return asker.by_post("-cert", asker.write("asked", certificate))

    def published(self, issuer: Certificate) -> int:
        return self.host.http.get(f"/ca/{id_of(issuer)}.cer").status_code


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Azurite.start(in_memory=True) as azurite:
        house = House.make(tmp_path / "site", azurite.connection_string)
        issuer = house.site.issuer  # which one of the stories retires
        with house.site.running() as host:
            yield Scene(house, host, tmp_path)
            host.served.add_records(house.site.storage, issuer)


def own(house: House, name: str) -> Certificate:
    return certificates_in(house.folder / f"{name}.pem")[0]


def test_ceremony_rollover_and_loss_of_a_ca(scene: Scene) -> None:
    """One story: its parts need each other."""
    house = scene.house
    first = own(house, "one")
    devices = {f"swan-{number}": scene.enrol(f"swan-{number}", first) for number in range(3)}
    assert house.meter() == {id_of(first): ("issuing", 3, "100.0%")}

    second = house.successor("two", "CN=Example Issuing CA 2,O=Example")
    announced(scene, by=first, successor=second)
    scene.host.manage("POST", "crl")
    assert scene.published(second) == 200
    scene.enrol("early", first)

    house.run("take-over", id_of(second))
    scene.enrol("late", second)
    assert scene.host.ra.authority_key_identifier == second.subject_key_identifier
    assert scene.host.http.get("/scep/device?operation=GetNextCACert").status_code == 404
    for moved, name in enumerate(devices, start=1):
        devices[name] = scene.renew(name, devices[name], second)
        assert house.meter()[id_of(second)] == ("issuing", moved + 1, f"{(moved + 1) / 5:.1%}")
    assert house.managed("rollover", "--missing", "9")["missing"] == ["device:early"]

    still_served(scene, former(scene, "swan-0"), former(scene, "swan-1"), first)
    refused(house, "retire", id_of(first), "live on")
    lost(scene, first, second)


def former(scene: Scene, name: str) -> Certificate:
    """What a device has renewed."""
    return certificates_in(scene.folder / name / "old.pem")[0]


def announced(scene: Scene, *, by: Certificate, successor: Certificate) -> None:
    """GetNextCACert: signed by the CA that issues."""
    assert b"GetNextCACert" in scene.host.http.get("/scep/device?operation=GetCACaps").content
    message = SignedMessage.parse(scene.host.http.get("/scep/device?operation=GetNextCACert").content)
    message.verify(by.public_key)
    assert parse_degenerate(message.content or b"")[0] == (successor.der,)


def still_served(scene: Scene, old: Certificate, another: Certificate, first: Certificate) -> None:
    """A CA that issues no more goes on with CRL and OCSP."""
    assert scene.ocsp(another, first) == ["good"]
    scene.relying_party().accepts(old)
    scene.host.revoke(old.serial_hex, "superseded")
    scene.relying_party().finds_revoked(old)
    assert scene.ocsp(old, first) == ["revoked"]


def refused(house: House, command: str, issuer: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        house.managed(command, issuer)


def lost(scene: Scene, first: Certificate, second: Certificate) -> None:
    """The drill: the first CA's key is in somebody else's hands."""
    house = scene.house
    early = next(each for each in scene.host.records(owner="device:early") if each["status"] == "good")
    refused(house, "compromise", id_of(second), "issues")
    assert house.managed("compromise", id_of(first), "--dry-run")["live"] == 3
    told = house.managed("compromise", id_of(first), "--note", "drill")
    assert told["revoked"] >= 3
    assert house.managed("compromise", id_of(first))["revoked"] == 0
    gone = scene.host.manage("GET", f"certificates/{early['serial']}")
    assert gone["revocation"]["reason"] == "keyCompromise"
    house.install(house.root_crl("--revoke", str(house.folder / "one.pem")))
    scene.host.manage("POST", "crl")
    issuing_revoked(scene, first, second)
    scene.enrol("early", second)
    assert house.meter()[id_of(second)] == ("issuing", 5, "100.0%")
    house.managed("retire", id_of(first))
    assert id_of(first) not in house.meter()
    scene.enrol("after", second)


def issuing_revoked(scene: Scene, first: Certificate, second: Certificate) -> None:
    """What openssl says of both CAs by the root's CRL, as it is published."""
    openssl = openssl_in(scene.folder)
    crl = scene.host.http.get(f"/crl/{id_of(scene.root)}.crl").content
    (scene.folder / "root.crl").write_bytes(crl)
    openssl.run("crl", "-inform", "DER", "-in", "root.crl", "-out", "root-crl.pem")
    given = ("-CAfile", "site/root/root.pem", "-CRLfile", "root-crl.pem", "-crl_check")
    assert "certificate revoked" in openssl.refusal("verify", *given, "site/one.pem")
    assert b"OK" in openssl.run("verify", *given, "site/two.pem")


def test_the_same_key_is_renewed_and_what_it_issued_stays_good(scene: Scene) -> None:
    first = own(scene.house, "one")
    device = scene.enrol("swan", first)
    house = scene.house
    file = house.sign(house.request("renewed"), "renewed", "--again", "--years", "7")
    assert "issues" in house.install(file)["done"]
    renewed = own(house, "renewed")
    assert (renewed.spki, renewed.subject) == (first.spki, first.subject)
    assert renewed.not_after > first.not_after
    scene.host.manage("POST", "crl")
    assert scene.host.http.get(f"/ca/{id_of(first)}.cer").content == renewed.der
    scene.relying_party().accepts(device)
    assert scene.ocsp(device, renewed) == ["good"]
    scene.enrol("another", renewed)


def test_the_next_root_is_trusted_by_a_cross_certificate(scene: Scene) -> None:
    """Who has the old root alone believes a device of a CA under the new one."""
    house = scene.house
    next_root = house.make_root("root2", "CN=Example Root CA 2,O=Example")
    file = house.sign(house.request("two", "CN=Example Issuing CA 2,O=Example"), "two", root="root2")
    house.install(file)
    second = own(house, "two")
    cross = house.folder / "cross.pem"
    roots = (str(house.folder / "root2" / "root.pem"), "--root", str(house.folder / "root"))
    house.run("cross-sign", *roots, "--out", str(cross))
    house.install(cross)
    house.run("take-over", id_of(second))
    scene.host.manage("POST", "crl")
    client = scene.device("swan")
    challenge = scene.host.challenge(client.subject, sans=client.sans, device="swan")
    device = client.enrol(challenge).certificate
    assert device.authority_key_identifier == second.subject_key_identifier
    fetched = (
        scene.host.http.get(f"/ca/{id_of(next_root)}-{id_of(scene.root)}.pem").raise_for_status().content
    )
    (scene.folder / "cross.pem").write_bytes(fetched)
    bag = scene.host.http.get(f"/ca/{id_of(second)}-chain.p7c").raise_for_status().content
    assert certificates_in(scene.folder / "cross.pem")[0].der in parse_degenerate(bag)[0]
    openssl = openssl_in(scene.folder)
    Asker(scene.folder, "", scene.host.http, scene.root, second).write("device", device)
    old = ("-x509_strict", "-CAfile", "site/root/root.pem", "-untrusted", "issuing.pem")
    assert "unable to get" in openssl.refusal("verify", *old, "device.pem")
    assert b"OK" in openssl.run("verify", *old, "-untrusted", "cross.pem", "device.pem")
    new = ("-x509_strict", "-CAfile", "site/root2/root.pem", "-untrusted", "issuing.pem")
    assert b"OK" in openssl.run("verify", *new, "device.pem")


def test_the_drill_on_one_machine_goes_as_its_page_says(tmp_path: Path) -> None:
    """Root and CA in one folder, as `make run` makes them."""
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path / "site", azurite.connection_string)
        house = House(site)
        first = site.ca.certificate("issuing")
        with site.running() as host:
            scene = Scene(house, host, tmp_path, root_folder="ca")
            device = scene.enrol("swan", first)
            for line in commands_of("The drill on one machine"):
                rows = {row["role"]: row["id"] for row in house.rows()}
                named = {"<new id>": rows.get("next issuing", ""), "<old id>": id_of(first)}
                for name, found in named.items():
                    line = line.replace(name, found)
                typed(house, line.replace(".scepter/ca", str(site.ca.path)))
            record = host.manage("GET", f"certificates/{device.serial_hex}")
            assert record["revocation"]["note"] == "drill"
            second = next(row["id"] for row in house.rows() if row["role"] == "issuing")
            assert second != id_of(first)
            assert house.meter() == {id_of(first): ("former", 0, ""), second: ("issuing", 0, "")}
            crl = parse_crl(host.http.get(f"/crl/{site.root}.crl").content)
            assert crl.find(first.serial_hex) is not None


def commands_of(section: str) -> list[str]:
    """The shell lines of a section of docs/ca-life.md."""
    text = (ROOT / "docs" / "ca-life.md").read_text("utf-8").partition(f"### {section}")[2]
    return text.partition("```sh\n")[2].partition("```")[0].strip().splitlines()


def typed(house: House, line: str) -> None:
    """As an administrator types it."""
    words = shlex.split(line.removeprefix("python manage.py "))
    asks_host = words[:2] not in (
        [["ca", each] for each in ("prepare-successor", "show", "take-over", "root-crl")]
    )
    where = ["--url", house.site.url] if asks_host else []
    ended = run(*words, "--settings", str(house.site.settings), *where)
    assert ended.code == 0, ended.said
