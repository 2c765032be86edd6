"""Keys made by the app, through the whole host: ordered, served from the queue, fetched, opened, and told of."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from commands.pkcs_client import PKCSClient
from shared.errors import RequestError
from tests.e2e.command_line import manage
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.programs import OpenSSL
from tests.scep.authority import key

pytestmark = pytest.mark.host


def fresh(kind: str = "device") -> str:
    return f"{kind}-{secrets.token_hex(4)}"


def enrol(host: Host, device: str, number: int = 0) -> str:
    """The serial of a fresh certificate of `device`, whose key is device key `number`."""
    challenge = host.challenge(f"CN={device}", device=device)
    return enrolment(host, f"CN={device}", challenge, number=number).post(host).certificates[0].serial_hex


def key_file(folder: Path, number: int = 0) -> Path:
    path = folder / f"{number}.key"
    path.write_bytes(key(number).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def client(host: Host) -> PKCSClient:
    return PKCSClient(host.url, host.site.values["SCEPTER_CALLER_SECRETS__DEMO"])


def order(device: str, **changes: Any) -> dict[str, Any]:
    user = {
        "userPrincipalName": f"{device}@example.org",
        "userName": "Ann",
        "emailAddress": "ann@example.org",
    }
    return {"id": fresh("order"), "profile": "mail", "user": user, "device": {"id": device}, **changes}


def queue(host: Host, name: str) -> QueueClient:
    policy = TextBase64EncodePolicy()
    return QueueClient.from_connection_string(host.site.storage, name, message_encode_policy=policy)


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ordered_fetched_and_opened_by_hand(host: Host, tmp_path: Path, openssl: OpenSSL) -> None:
    device, pfx = fresh(), tmp_path / "ann.p12"
    enrol(host, device)
    identifier = fresh("order")
    given = ["--user", f"userPrincipalName={device}@example.org", "--user", 'userName=Smith, Ann "+"']
    given += ["--user", "emailAddress=ann@example.org", "--device", device, "--id", identifier]
    opened = ["--key", str(key_file(tmp_path)), "--out", str(pfx)]
    done = manage(host, "pkcs", "request", "mail", *given, *opened, "--json").json
    assert (done["state"], done["pfx"]) == ("delivered", str(pfx))
    for file in (pfx, Path(done["password"])):
        assert file.stat().st_mode & 0o777 == 0o600
    password = Path(done["password"]).read_text()
    options = ("pkcs12", "-in", str(pfx), "-passin", f"pass:{password}", "-nokeys")
    (openssl.folder / "ann.pem").write_bytes(openssl.run(*options, "-clcerts"))
    subject = openssl.run("x509", "-in", "ann.pem", "-noout", "-subject", "-nameopt", "RFC2253,utf8")
    assert b'CN=Smith\\, Ann \\"\\+\\"' in subject
    assert openssl.run(*options, "-cacerts").count(b"BEGIN CERTIFICATE") == 2
    record = host.manage("GET", f"certificates/{done['serial']}")
    assert (record["device"], record["user"]) == (device, f"{device}@example.org")
    assert (record["profile"], record["vouchedBy"]) == ("mail", "pkcs:demo")
    assert f"order {identifier} is delivered" in manage(host, "pkcs", "status", identifier).said
    assert password not in host.output()
    (listed,) = [
        row
        for row in manage(host, "pkcs", "list", "--state", "delivered", "--json").json
        if row["id"] == identifier
    ]
    assert "fetched" in manage(host, "pkcs", "deliveries", listed["delivery"]).said
    again = manage(host, "pkcs", "fetch", identifier, *opened, "--ack")
    assert again.code == 0, again.said
    manage(host, "pkcs", "fetch", identifier, *opened).assert_refused("404", "over")


def test_what_is_refused_is_told_in_one_line(host: Host, tmp_path: Path) -> None:
    device = fresh()
    enrol(host, device)
    base = ["pkcs", "request", "mail", "--device", device]
    manage(host, *base).assert_refused("403", "user is missing")
    manage(host, *base, "--user", "userPrincipalName=a@example.org").assert_refused(
        "user.emailAddress is missing"
    )
    manage(host, "pkcs", "request", "device", "--device", device).assert_refused("403", "enrolled over SCEP")
    manage(host, "pkcs", "status", "nothing").assert_refused("404", "No such order")
    named = [
        "--user",
        "userPrincipalName=a@example.org",
        "--user",
        "userName=A",
        "--user",
        "emailAddress=a@example.org",
    ]
    out = ["--key", str(key_file(tmp_path)), "--out", str(tmp_path / "x.p12")]
    ordered = manage(host, "pkcs", "request", "mail", *named, "--device", fresh(), *out)
    ordered.assert_refused("failed", "no certificate of ours")
    assert "is neither" not in ordered.said
    assert not (tmp_path / "x.p12").exists()


def test_another_device_opens_nothing(host: Host, tmp_path: Path) -> None:
    device = fresh()
    enrol(host, device)
    asked = client(host).order(order(device))
    told = client(host).wait(asked["id"], 60)
    with pytest.raises(RequestError):
        client(host).fetch(told, key(1))
    assert client(host).fetch(told, key(0)).certificate.serial_hex == told["serial"]


def test_a_bare_key_and_an_order_on_the_queue(host: Host, openssl: OpenSSL) -> None:
    public = key(2).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    device = {"id": fresh(), "deviceName": "MACHINE-1"}
    identifier = fresh("order")
    asked = {"id": identifier, "profile": "machine", "device": device, "recipient": {"key": public}}
    queue(host, "pkcs-requests").send_message(json.dumps({**asked, "caller": "demo"}))

    def delivered() -> bool:
        try:
            return str(client(host).status(identifier)["state"]) == "delivered"
        except RequestError:
            return False

    wait(delivered)
    opened = client(host).fetch(client(host).status(identifier), key(2))
    opened.write(openssl.folder / "machine.p12")
    options = ("pkcs12", "-in", "machine.p12", "-passin", "file:machine.p12.password")
    assert "pbeWithSHA1And3-KeyTripleDES-CBC" in openssl.words(*options, "-info", "-noout")


def test_a_wiped_device_loses_its_delivery(host: Host) -> None:
    device = fresh()
    enrol(host, device)
    told = client(host).wait(client(host).order(order(device))["id"], 60)
    host.manage("POST", "revocations", {"owner": f"device:{device}", "reason": "cessationOfOperation"})
    with pytest.raises(RequestError, match="revoked"):
        client(host).fetch(told, key(0))


def test_deliveries_are_nobody_else_s(host: Host) -> None:
    device = fresh()
    enrol(host, device)
    told = client(host).wait(client(host).order(order(device))["id"], 60)
    name = told["delivery"].rpartition("/")[2]
    assert httpx.get(f"{host.blob_url}/pki/crl/{host.site.issuer}.crl", trust_env=False).status_code == 200
    for path in (f"deliveries/{name}", "deliveries?restype=container&comp=list"):
        assert httpx.get(f"{host.blob_url}/{path}", trust_env=False).status_code in (403, 404)
    for key_of in ("x", told["key"][:-4] + "AAAA", host.site.values["SCEPTER_CALLER_SECRETS__DEMO"]):
        headers = {"Authorization": f"Bearer {key_of}"}
        assert host.http.get(told["delivery"], headers=headers).status_code == 403


def test_the_api_is_described(host: Host) -> None:
    document = host.http.get("/openapi.json").raise_for_status().json()
    assert "/pkcs/requests" in document["paths"]


def test_scep_refuses_the_profile(host: Host) -> None:
    answer = host.http.get("/scep/mail", params={"operation": "GetCACaps"})
    assert (answer.status_code, "not for SCEP" in answer.text) == (404, True)
