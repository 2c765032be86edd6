"""Two CAs side by side, each with a root of its own: profiles choose, and everything about them is apart."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from shared.ca.folder_holdings import certificates_in
from shared.cms.signing import parse_degenerate
from shared.scep.client import build_request
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from tests.e2e.ca_house import House, id_of
from tests.e2e.host import Host
from tests.e2e.messages import Message
from tests.e2e.ocsp_askers import Asker
from tests.e2e.relying_party import RelyingParty
from tests.scep.authority import csr, self_signed

pytestmark = pytest.mark.host


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The CA `wifi` issues for the profile `old`."""
    with Azurite.start(in_memory=True) as azurite:
        made = House.make(tmp_path / "site", azurite.connection_string)
        made.site.let(SCEPTER_AUTHORITIES__WIFI__FOLDER=str(made.folder / "wifi"))
        policy = made.folder / "profiles.toml"
        text = policy.read_text("utf-8")
        policy.write_text(text.replace("[profiles.old]\n", '[profiles.old]\nca = "wifi"\n'), "utf-8")
        made.make_root("wifi-root", "CN=Wifi Root CA,O=Example")
        yield made


def install_wifi(house: House) -> None:
    csr, pem = str(house.folder / "wifi.csr"), str(house.folder / "wifi.pem")
    house.run("request", "--ca", "wifi", "--subject", "CN=Wifi CA,O=Example", "--key", "p-256", "--out", csr)
    house.run("sign", csr, "--root", str(house.folder / "wifi-root"), "--out", pem)
    house.run("install", pem, "--ca", "wifi")


def asked(host: Host, subject: str, challenge: str, profile: str) -> Message:
    """A PKCSReq sealed to the RA that the profile's GetCACert offers."""
    answer = host.http.get(f"/scep/{profile}?operation=GetCACert").raise_for_status()
    found = map(Certificate.from_der, parse_degenerate(answer.content)[0])
    ra = next(each for each in found if not each.is_ca)
    requester = self_signed()
    der, transaction, nonce = build_request(csr(subject, challenge=challenge), requester, ra)
    return Message(der, requester, ra, transaction, nonce)


def enrol(host: Host, profile: str) -> Certificate:
    subject = f"CN=two-{secrets.token_hex(4)},O=Probe,C=CZ"
    challenge = host.challenge(subject, profile=profile)
    reply = asked(host, subject, challenge, profile).post(host, profile)
    assert reply.certificates, reply.fail_text
    return reply.certificates[0]


def test_profiles_choose_and_neither_is_the_others_business(house: House, tmp_path: Path) -> None:
    install_wifi(house)
    with house.site.running() as host:
        own = {"device": "one", "old": "wifi"}
        for profile, root in (("device", "root"), ("old", "wifi-root")):
            issuer = certificates_in(house.folder / f"{own[profile]}.pem")[0]
            above = certificates_in(house.folder / root / "root.pem")[0]
            good, bad = enrol(host, profile), enrol(host, profile)
            assert good.issuer == issuer.subject
            folder = tmp_path / profile
            folder.mkdir()
            party = RelyingParty(folder, host.http, above)
            party.accepts(good)
            host.revoke(bad.serial_hex)
            party.finds_revoked(bad)
            asker = Asker(folder, f"{host.url}/ocsp", host.http, above, issuer)
            assert asker.by_post("-cert", asker.write("good", good)) == ["good"]
            assert asker.by_post("-cert", asker.write("bad", bad)) == ["revoked"]
            crl = parse_crl(host.http.get(f"/crl/{id_of(issuer)}.crl").content)
            assert [entry.serial_hex for entry in crl.entries()] == [bad.serial_hex]
        assert {each["ca"] for each in house.managed("rollover")["authorities"]} == {"default", "wifi"}


def test_a_ca_that_is_not_installed_yet_stops_its_own_profile_only(house: House) -> None:
    with house.site.running() as host:
        enrol(host, "device")
        challenge = host.challenge("CN=x,O=Probe,C=CZ", profile="old")
        assert host.http.get("/scep/old?operation=GetCACert").status_code == 503
        subjects = {
            each["subject"]
            for each in host.manage("GET", "health")["findings"]
            if each["level"] == "critical"
        }
        assert any("wifi" in subject for subject in subjects)
        install_wifi(house)
        host.manage("POST", "crl")
        message = asked(host, "CN=x,O=Probe,C=CZ", challenge, "old")
        assert message.post(host, "old").certificates[0].issuer.text() == "CN=Wifi CA,O=Example"
