"""An outside CA behind SCEP: real clients enrol and renew, hosts die, and what that CA cannot do is said.

The EST server is the one of tests/est, since none installs from PyPI or Debian; strongSwan's `pki --est` enrols and
waits with it, so that it is not only our own idea of RFC 7030.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.cms.signing import parse_degenerate
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate
from tests.e2e import certmonger
from tests.e2e.command_line import manage
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.outside_site import ESTClient, OutsideSite, outside_site
from tests.e2e.site import ROOT
from tests.e2e.strongswan import StrongSwan
from tests.est.authority import Manner
from tests.est.server import PASSWORD, USER, ESTServer
from tests.programs import OpenSSL

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideSite]:
    with outside_site(tmp_path_factory.mktemp("outside")) as made:
        yield made


@pytest.fixture(scope="module")
def host(outside: OutsideSite) -> Iterator[Host]:
    with outside.site.running() as running:
        yield running


@pytest.fixture
def name() -> str:
    return f"out-{secrets.token_hex(4)}"


def verified(outside: OutsideSite, certificate: Certificate, openssl: OpenSSL) -> None:
    """By OpenSSL, up to the outside CA's root."""
    chain = outside.est.chain.read_text().split("-----END CERTIFICATE-----\n")
    for file, text in zip(("ca.pem", "root.pem"), chain, strict=False):
        (openssl.folder / file).write_text(f"{text}-----END CERTIFICATE-----\n")
    found = x509.load_der_x509_certificate(certificate.der)
    (openssl.folder / "device.pem").write_bytes(found.public_bytes(Encoding.PEM))
    openssl.run("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "ca.pem", "device.pem")


@pytest.mark.client
def test_the_server_is_one_that_strongswan_enrols_and_waits_with(tmp_path: Path) -> None:
    with ESTServer(tmp_path, algorithm="rsa-2048") as est:
        client = ESTClient(tmp_path, est)
        client.fetch_ca()
        est.pending = 1
        user = ("--userpass", f"{USER}:{PASSWORD}", "--interval", "1", "--maxpolltime", "20")
        first = client.certificate(client.run("--in", client.request("first.key"), *user))
        assert first.serial_number == est.issued[0].serial_number
        est.pending = 0
        (tmp_path / "first.pem").write_bytes(first.public_bytes(Encoding.PEM))
        wrong = client.run("--in", client.request("x.key"), "--userpass", f"{USER}:wrong")
        assert wrong.returncode != 0
        assert len(est.issued) == 1


@pytest.mark.client
def test_strongswan_enrols_polls_and_renews_through_scep(
    host: Host, outside: OutsideSite, tmp_path: Path, openssl: OpenSSL, name: str
) -> None:
    outside.est.pending = 2
    client = StrongSwan(tmp_path, host.scep("outside"), name)
    assert client.fetch_ca().code == 0
    challenge = host.challenge(client.subject, profile="outside", sans=client.sans, device=name)
    polling = ("--interval", "1", "--maxpolltime", "30")
    first = client.enrol(challenge, *polling).certificate
    outside.est.pending = 0
    verified(outside, first, openssl)
    second = client.renew(first).certificate
    verified(outside, second, openssl)
    records = {each["serial"]: each for each in host.records(owner=f"device:{name}")}
    assert set(records) == {first.serial_hex, second.serial_hex}
    assert records[second.serial_hex]["vouchedBy"] == f"renewal:{first.serial_hex}"
    assert records[first.serial_hex]["vouchedBy"] == "sealed:demo approved:CA others"
    assert {each["issuer"] for each in records.values()} == {outside.issuer}


@pytest.mark.client
def test_certmonger_enrols_and_renews(
    host: Host, outside: OutsideSite, tmp_path: Path, openssl: OpenSSL, name: str
) -> None:
    dns = f"{name}.example.org"
    challenge = host.challenge(f"O=Probe,CN={name}", profile="outside", sans=[f"dns:{dns}"], device=name)
    with certmonger.running(tmp_path) as client:
        client.add_ca(name, host.scep("outside"))
        client.request(name, challenge, subject=f"CN={name},O=Probe", dns=dns)
        first = client.certificate(name)
        verified(outside, first, openssl)
        client.rekey(name)
        second = client.certificate(name, after=first)
        verified(outside, second, openssl)
    assert {each["serial"] for each in host.records(owner=f"device:{name}")} == {
        first.serial_hex,
        second.serial_hex,
    }


def enrolled(host: Host, name: str) -> Certificate:
    challenge = host.challenge(f"CN={name}", profile="outside", device=name)
    reply = enrolment(host, f"CN={name}", challenge, transaction_id=name).post(host, "outside")
    assert reply.status is PKIStatus.SUCCESS, reply.fail_text
    return reply.certificates[0]


def test_the_reply_and_getcacert_bring_the_outside_ca(host: Host, outside: OutsideSite, name: str) -> None:
    answer = host.http.get("/scep/outside", params={"operation": "GetCACert"})
    found, _ = parse_degenerate(answer.raise_for_status().content)
    assert {each.public_bytes(Encoding.DER) for each in outside.est.authority.chain} <= set(found)
    assert len(found) == 5
    caps = host.http.get("/scep/outside", params={"operation": "GetCACaps"}).text
    assert "GetNextCACert" not in caps
    assert enrolled(host, name).issuer.text() == "CN=Outside CA,O=Others"


def test_a_key_that_is_made_here_is_certified_there(host: Host, outside: OutsideSite, name: str) -> None:
    own = enrolment(host, f"CN={name}", host.challenge(f"CN={name}", device=name))
    assert own.post(host).status is PKIStatus.SUCCESS  # by our CA: whom the password is sealed to
    headers = {"Authorization": f"Bearer {host.site.values['SCEPTER_CALLER_SECRETS__DEMO']}"}
    order = {"id": name, "profile": "outside-machine", "device": {"id": name, "deviceName": name}}
    host.http.post("/pkcs/requests", json=order, headers=headers).raise_for_status()
    deadline = time.monotonic() + 60
    while (told := host.http.get(f"/pkcs/requests/{name}", headers=headers).json())["state"] == "accepted":
        assert time.monotonic() < deadline, host.output()
        time.sleep(0.2)
    assert told["state"] == "delivered", told
    assert int(told["serial"], 16) == outside.est.issued[-1].serial_number
    (record,) = [
        each for each in host.records(owner=f"device:{name}") if each["profile"] == "outside-machine"
    ]
    assert (record["issuer"], record["vouchedBy"]) == (outside.issuer, "pkcs:demo")


def test_revoking_marks_the_record_and_says_that_it_is_no_more(host: Host, name: str) -> None:
    certificate = enrolled(host, name)
    revoked = manage(host, "cert", "revoke", certificate.serial_hex, "--reason", "keyCompromise", "--json")
    assert revoked.code == 0, revoked.said
    (record,) = host.records(owner=f"device:{name}")
    assert record["status"] == "revoked"
    assert record["revocation"]["note"] == "not revoked at its CA (CA others)"
    crl = x509.load_der_x509_crl(host.http.get(f"/crl/{host.site.issuer}.crl").content)
    assert crl.get_revoked_certificate_by_serial_number(certificate.serial) is None
    assert host.manage("GET", "queues")["queues"][0] == {"name": "crl-requests", "poison": 0}
    again = manage(host, "cert", "revoke", certificate.serial_hex)
    assert again.code == 0, again.said
    assert "the same has to be done at CA others" in host.output()


def test_what_the_ca_changes_is_kept_back_and_listed(host: Host, outside: OutsideSite, name: str) -> None:
    outside.est.manner = Manner(extra_names=(x509.DNSName("ceo.example.org"),))
    challenge = host.challenge(f"CN={name}", profile="outside", device=name)
    message = enrolment(host, f"CN={name}", challenge, transaction_id=name)
    with pytest.raises(httpx.HTTPStatusError, match="500"):
        message.post(host, "outside")
    outside.est.manner = Manner()
    listed = manage(host, "ca", "orphans", "--json").json
    (orphan,) = [each for each in listed if each["subject"] == f"CN={name}"]
    assert int(orphan["serial"], 16) == outside.est.issued[-1].serial_number
    assert "ceo.example.org" in orphan["problem"]
    assert any(
        each["subject"] == "CA others" and each["level"] == "warning"
        for each in host.manage("GET", "health")["findings"]
    )
    assert manage(host, "ca", "orphans", "--dismiss", orphan["id"]).code == 0
    assert orphan["id"] not in manage(host, "ca", "orphans", "--json").said
    assert host.records(owner=f"device:{name}") == []


def test_check_tells_what_the_ca_keeps(host: Host, outside: OutsideSite) -> None:
    good = manage(host, "ca", "check", "others", "--yes", "--json")
    found = {each["subject"]: each for each in good.json["outcomes"]}
    wrong = {name for name, each in found.items() if not each["ok"]}
    assert wrong == set(), good.said
    assert found["SAN uri"]["text"].endswith(": kept")
    outside.est.manner = Manner(
        keep=lambda each: not isinstance(each, x509.UniformResourceIdentifier),
        subject=lambda each: x509.Name(list(each)[-1:]),
        purposes=None,
    )
    bad = manage(host, "ca", "check", "others", "--yes")
    outside.est.manner = Manner()
    assert bad.code == 1
    for words in ("dropped", "CN=scepter-trial", "purposes []"):
        assert words in bad.said
    manage(host, "ca", "check", "nobody", "--yes").assert_refused("404", "No such CA; there are others.")


def test_a_host_that_dies_when_the_ca_has_answered_leaves_an_orphan_and_the_repeat_is_served(
    outside: OutsideSite, tmp_path: Path, name: str
) -> None:
    app, flag = tmp_path / "app", tmp_path / "flag"
    shutil.copytree(Path(__file__).with_name("killed_app"), app)
    shutil.copy(ROOT / "host.json", app)
    site = outside.site.beside()
    environment = {"KILL_BEFORE": "commit", "KILL_FLAG": str(flag)}
    before = len(outside.est.issued)
    with site.running(app=app, environment=environment) as doomed:
        challenge = doomed.challenge(f"CN={name}", profile="outside", device=name)
        message = enrolment(doomed, f"CN={name}", challenge, transaction_id=name)
        flag.touch()
        with pytest.raises(httpx.TransportError):
            message.post(doomed, "outside")
        doomed.wait_until_killed()
    with site.running() as host:
        listed = manage(host, "ca", "orphans", "--all", "--json").json
        (orphan,) = [each for each in listed if each["subject"] == f"CN={name}"]
        reply = message.post(host, "outside")
        assert reply.status is PKIStatus.SUCCESS, reply.fail_text
        assert len(outside.est.issued) == before + 1
        served = reply.certificates[0]
        assert served.serial == outside.est.issued[-1].serial_number
        listed = manage(host, "ca", "orphans", "--all", "--json").json
        (orphan,) = [each for each in listed if each["subject"] == f"CN={name}"]
        assert orphan["on record"] == served.serial_hex
