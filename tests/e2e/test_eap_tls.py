"""The whole point: a device gets into the network with its certificate, and after a wipe it does not.

FreeRADIUS asks once by CRL, fetched from the URL in the certificate as an administrator's cron job would, and once by
OCSP. The delay from webhook to refusal is printed.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shared.asn1.pem import pem
from shared.keys import software
from shared.scep.message import PKIStatus
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.radius import radius
from tests.e2e.test_events import event, tell
from tests.programs import openssl_in
from tests.scep.authority import key

pytestmark = [pytest.mark.host, pytest.mark.client]

NAME = "radius.example.org"
BY_CRL = """
      ca_path = {folder}/cadir
      check_crl = yes
"""
BY_OCSP = """
      ocsp {
        enable = yes
        override_cert_url = no
        use_nonce = yes
        timeout = 5
        softfail = no
      }
"""


def trust(host: Host, folder: Path) -> None:
    """root.pem, and ca.pem with both CAs."""
    folder.mkdir(exist_ok=True)
    root, issuing = (pem("CERTIFICATE", host.site.ca.certificate(name).der) for name in ("root", "issuing"))
    (folder / "root.pem").write_bytes(root)
    (folder / "ca.pem").write_bytes(root + issuing)


def server(host: Host, folder: Path) -> None:
    """A certificate for the RADIUS server, by the management API as an administrator orders it."""
    trust(host, folder)
    private = software.generate("p-256")
    (folder / "server.key").write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    )
    request = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    signed = request.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    issued = host.manage("POST", "certificates", {"profile": "web-server", "csr": signed})
    (folder / "server.pem").write_text(issued["certificate"] + issued["chain"])


def device(host: Host, folder: Path, name: str) -> str:
    """An enrolled device, its certificate with its chain; returns the serial."""
    trust(host, folder)
    reply = enrolment(host, f"CN={name}", host.challenge(f"CN={name}", device=name)).post(host)
    assert reply.status is PKIStatus.SUCCESS, reply.fail_text
    chain = pem("CERTIFICATE", host.site.ca.certificate("issuing").der)
    (folder / "device.pem").write_bytes(pem("CERTIFICATE", reply.certificates[0].der) + chain)
    (folder / "device.key").write_bytes(
        key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return reply.certificates[0].serial_hex


def fetch_crls(host: Host, folder: Path) -> bool:
    """What a cron job beside the RADIUS server does: CRLs in PEM, and hashed names for OpenSSL. Whether one is new."""
    (folder / "cadir").mkdir(exist_ok=True)
    changed = False
    for name in (host.site.issuer, host.site.root):
        found = host.http.get(f"/crl/{name}.crl.pem").raise_for_status().content
        path = folder / "cadir" / f"{name}.crl.pem"
        changed |= not path.exists() or path.read_bytes() != found
        path.write_bytes(found)
    openssl_in(folder).run("rehash", str(folder / "cadir"))
    return changed


def wait(condition: Callable[[], bool], seconds: float) -> None:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds
        time.sleep(0.1)


def test_by_crl(host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FreeRADIUS reads CRLs when it starts, and after that every five minutes at most: a cron job restarts it."""
    name = f"eap-{secrets.token_hex(4)}"
    server(host, tmp_path)
    device(host, tmp_path / "device", name)
    device(host, tmp_path / "other", f"{name}-2")
    fetch_crls(host, tmp_path)
    with radius(tmp_path, NAME, BY_CRL.format(folder=tmp_path)) as at:
        assert at.lets_in(tmp_path / "device")
    tell(host, event("wiped", name))
    start = time.monotonic()
    wait(lambda: fetch_crls(host, tmp_path), 60)
    with radius(tmp_path, NAME, BY_CRL.format(folder=tmp_path)) as at:
        assert not at.lets_in(tmp_path / "device")
        delay = time.monotonic() - start
        assert at.lets_in(tmp_path / "other")
    with capsys.disabled():
        sys.stdout.write(f"\nwebhook to refusal by CRL: {delay:.1f} s\n")


def test_by_ocsp(host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The server asks the URL in the certificate at each attempt, and nobody has to fetch anything."""
    name = f"eap-{secrets.token_hex(4)}"
    server(host, tmp_path)
    device(host, tmp_path / "device", name)
    device(host, tmp_path / "other", f"{name}-2")
    with radius(tmp_path, NAME, BY_OCSP) as at:
        assert at.lets_in(tmp_path / "device")
        tell(host, event("wiped", name))
        start = time.monotonic()
        wait(lambda: not at.lets_in(tmp_path / "device"), 60)
        delay = time.monotonic() - start
        assert at.lets_in(tmp_path / "other")
    assert "revoked" in (tmp_path / "radius.log").read_text(errors="replace")
    with capsys.disabled():
        sys.stdout.write(f"\nwebhook to refusal by OCSP: {delay:.1f} s\n")
