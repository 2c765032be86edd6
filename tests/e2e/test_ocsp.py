"""OCSP through the real host, asked by OpenSSL and GnuTLS: both, and the CRL, say the same of every certificate."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from shared.x509.certificate import Certificate
from shared.x509.ocsp import CertID, OCSPRequest
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.ocsp_askers import Asker, http_1_0
from tests.e2e.site import ROOT

pytestmark = pytest.mark.host

NOBODYS = "0x26aa" + "99" * 17


@pytest.fixture
def asker(host: Host, tmp_path: Path) -> Asker:
    ca = host.site.ca
    return Asker(tmp_path, f"{host.url}/ocsp", host.http, ca.certificate("root"), ca.certificate("issuing"))


def enrol(host: Host) -> Certificate:
    subject = f"CN=ocsp-{secrets.token_hex(4)}"
    return enrolment(host, subject, host.challenge(subject)).post(host).certificates[0]


def crls(host: Host) -> list[bytes]:
    return [host.http.get(f"/crl/{name}.crl").content for name in (host.site.issuer, host.site.root)]


REASONS = {"": "good", "keyCompromise": "revoked", "certificateHold": "revoked", "unspecified": "revoked"}


@pytest.mark.parametrize("reason", REASONS)
def test_everybody_is_told_the_same(host: Host, asker: Asker, reason: str) -> None:
    certificate, state = enrol(host), REASONS[reason]
    if reason:
        host.revoke(certificate.serial_hex, reason)
    file = asker.write("device", certificate)
    assert asker.by_post("-cert", file) == [state]
    for digest in ("-sha1", "-sha256", "-sha384", "-sha512"):
        assert asker.by_post(digest, "-cert", file) == [state]
        assert asker.by_get(digest, "-cert", file) == [state]
    assert asker.by_gnutls(file) == state
    assert asker.by_gnutls(file, "--nonce") == state
    assert asker.by_crl(file, crls(host)) == state


def test_a_lifted_hold_is_good_for_everybody(host: Host, asker: Asker) -> None:
    certificate = enrol(host)
    file = asker.write("device", certificate)
    host.revoke(certificate.serial_hex, "certificateHold")
    assert asker.by_post("-cert", file) == ["revoked"]
    host.manage("DELETE", f"certificates/{certificate.serial_hex}/revocation")
    host.manage("POST", "crl")
    assert asker.by_post("-cert", file) == asker.by_get("-cert", file) == ["good"]
    assert (asker.by_gnutls(file), asker.by_crl(file, crls(host))) == ("good", "good")


def test_several_in_one_request(host: Host, asker: Asker) -> None:
    good, revoked = enrol(host), enrol(host)
    host.revoke(revoked.serial_hex)
    asked = ["-serial", f"0x{good.serial_hex}", "-serial", NOBODYS, "-serial", f"0x{revoked.serial_hex}"]
    assert asker.by_post(*asked) == asker.by_get(*asked) == ["good", "unknown", "revoked"]
    assert asker.by_post("-nonce", *asked) == ["good", "unknown", "revoked"]


def test_the_issuing_ca_is_good_for_everybody(host: Host, asker: Asker) -> None:
    assert asker.by_post("-cert", "issuing.pem", issuer="root.pem") == ["good"]
    assert asker.by_get("-cert", "issuing.pem", issuer="root.pem") == ["good"]
    assert asker.by_gnutls("issuing.pem", issuer="root.pem") == "good"
    assert asker.by_crl("issuing.pem", crls(host)) == "good"
    assert asker.by_post("-serial", NOBODYS, issuer="root.pem") == ["unknown"]


def test_a_wrong_issuer_gets_no_answer(host: Host, asker: Asker) -> None:
    """The name of one CA with the key of another; a device that issued nothing. The root did not issue the device."""
    certificate = enrol(host)
    file = asker.write("device", certificate)
    assert asker.refusal("-issuer", "root.pem", "-cert", file) == "unauthorized"
    assert asker.refusal("-issuer", file, "-serial", "1") == "unauthorized"
    assert asker.by_post("-serial", f"0x{certificate.serial_hex}", issuer="root.pem") == ["unknown"]


def test_two_issuers_at_once_get_no_answer(host: Host, asker: Asker) -> None:
    file = asker.write("device", enrol(host))
    both = ["-issuer", "issuing.pem", "-cert", file, "-issuer", "root.pem", "-cert", "issuing.pem"]
    assert asker.refusal(*both) == "unauthorized"


def test_every_certificate_says_where_to_ask(host: Host) -> None:
    for certificate in (enrol(host), host.site.ca.certificate("issuing")):
        access = x509.load_der_x509_certificate(certificate.der).extensions.get_extension_for_class(
            x509.AuthorityInformationAccess
        )
        assert f"{host.url}/ocsp" in [description.access_location.value for description in access.value]


def question(host: Host, *serials: int, nonce: bytes | None = None) -> bytes:
    issuing = host.site.ca.certificate("issuing")
    return OCSPRequest(tuple(CertID.of(issuing, serial) for serial in serials), nonce).encoded


def state_in(body: bytes) -> str:
    (single,) = ocsp.load_der_ocsp_response(body).responses
    return single.certificate_status.name


def test_freeradius_asks_in_http_1_0_and_finds_the_responders_certificate(host: Host) -> None:
    certificate = enrol(host)
    body = http_1_0(host.site.port, question(host, certificate.serial, nonce=b"n" * 16))
    assert state_in(body) == "GOOD"
    read = ocsp.load_der_ocsp_response(body)
    assert len(read.certificates) == 1
    assert read.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16


@pytest.mark.parametrize("between", ["/", "//", "/%2F"])
def test_get_takes_base64_as_it_is(host: Host, between: str) -> None:
    """No library touches the path: not encoded, with slashes in it and before it."""
    serial = enrol(host).serial
    texts = (
        base64.b64encode(question(host, serial, nonce=secrets.token_bytes(48))).decode()
        for _ in range(10_000)
    )
    text = next(text for text in texts if "//" in text and "+" in text)
    with closing(http.client.HTTPConnection("127.0.0.1", host.site.port, timeout=30)) as connection:
        connection.request("GET", f"/ocsp{between}{text}")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, "application/ocsp-response")
        assert state_in(answer.read()) == "GOOD"


def test_caches_are_told_what_they_may(host: Host) -> None:
    text = base64.b64encode(question(host, enrol(host).serial)).decode()
    head, got = (host.http.request(method, f"/ocsp/{text}") for method in ("HEAD", "GET"))
    assert got.headers["cache-control"] == "max-age=60, public, no-transform, must-revalidate"
    assert (head.status_code, head.content) == (200, b"")
    assert {"etag", "expires", "last-modified"} <= {*got.headers} & {*head.headers}
    assert host.http.post("/ocsp", content=question(host, 1)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/", "/ocsp/x", "/ocsp/%FF", "/ocsp/MEIwQDA+", "/ocsp/a/b/c"])
def test_what_cannot_be_read_is_malformed_with_200(host: Host, path: str) -> None:
    for answer in (host.http.get(path), host.http.post("/ocsp", content=path.encode() * 3000)):
        assert (answer.status_code, answer.content) == (200, b"\x30\x03\x0a\x01\x01")


def test_a_chunked_post_is_asked_for_its_length(host: Host) -> None:
    assert host.http.post("/ocsp", content=iter([question(host, 1)])).status_code == 411


def test_what_one_worker_revokes_another_tells_at_once(host: Host, tmp_path: Path) -> None:
    """Two workers over one storage: the second has not asked before, so nothing is remembered there."""
    certificate = enrol(host)
    with host.site.beside().running() as other:
        asked = question(host, certificate.serial)
        assert state_in(host.http.post("/ocsp", content=asked).content) == "GOOD"
        host.revoke(certificate.serial_hex, publish=False)
        assert state_in(other.http.post("/ocsp", content=asked).content) == "REVOKED"
        responders = {
            ocsp.load_der_ocsp_response(each.http.post("/ocsp", content=asked).content).responder_key_hash
            for each in (host, other)
        }
        assert len(responders) == 1


def status(host: Host, *arguments: str) -> dict[str, str]:
    """`manage.py cert status ... --json`."""
    command = [sys.executable, str(ROOT / "manage.py"), "cert", "status", *arguments, "--json"]
    settings = ["--url", host.url, "--settings", str(host.site.settings)]
    done = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    found: dict[str, str] = row
    return found


def test_the_administrator_asks_by_serial_and_by_file(host: Host, asker: Asker) -> None:
    certificate = enrol(host)
    assert status(host, certificate.serial_hex)["status"] == "good"
    host.revoke(certificate.serial_hex, "keyCompromise")
    (asker.folder / "device.der").write_bytes(certificate.der)
    found, ends = {"status": "good"}, time.monotonic() + 10
    while found["status"] == "good" and time.monotonic() < ends:  # a worker may say so for a second more
        found = status(host, str(asker.folder / "device.der"))
    assert (found["status"], found["reason"]) == ("revoked", "keyCompromise")
    assert status(host, str(asker.folder / "issuing.pem"))["status"] == "good"


def test_nothing_was_a_fault(host: Host) -> None:
    answer: httpx.Response = host.http.post("/ocsp", content=question(host, 1))
    assert answer.status_code == 200
    assert "unexpected failure" not in host.output()
