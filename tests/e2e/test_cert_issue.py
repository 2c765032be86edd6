"""`manage.py cert issue`: a server's request made by openssl, the certificate judged by openssl with its CRL."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.asn1.pem import from_pem
from shared.x509.certificate import Certificate
from tests.e2e.command_line import Ended, manage
from tests.e2e.host import Host
from tests.e2e.relying_party import RelyingParty
from tests.programs import OpenSSL, openssl_in

pytestmark = pytest.mark.host


@dataclass(frozen=True)
class Server:
    """A server with a key and a request for `<name>.example.org` in its folder."""

    folder: Path
    openssl: OpenSSL
    host: Host
    name: str

    def make_request(self, kind: str, *, san: str = "", form: str = "PEM") -> Path:
        names = san or f"DNS:{self.name}.example.org,IP:127.0.0.1"
        key = (
            ["-newkey", "rsa:2048"]
            if kind == "rsa"
            else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        )
        command = [
            "req",
            "-new",
            "-nodes",
            *key,
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-outform",
            form,
        ]
        subject = ["-subj", f"/O=Example/CN={self.name}.example.org", "-addext", f"subjectAltName={names}"]
        self.openssl.run(*command, *subject)
        return self.folder / "server.csr"

    def issue(self, csr: Path, *more: str) -> Ended:
        return manage(self.host, "cert", "issue", "--profile", "web-server", "--csr", str(csr), *more)


@pytest.fixture
def server(host: Host, tmp_path: Path) -> Server:
    return Server(tmp_path, openssl_in(tmp_path), host, f"web-{secrets.token_hex(4)}")


@pytest.mark.parametrize(("kind", "form"), [("rsa", "PEM"), ("ec", "PEM"), ("ec", "DER")])
def test_a_server_gets_a_chain_that_relying_parties_accept(
    server: Server, host: Host, tmp_path: Path, kind: str, form: str
) -> None:
    out = tmp_path / "chain.pem"
    ended = server.issue(server.make_request(kind, form=form), "--out", str(out), "--device", server.name)
    assert ended.code == 0, ended.said
    assert str(out) in ended.said
    leaf, issuing = (Certificate.from_der(der) for _, der in from_pem(out.read_bytes()))
    assert (leaf.subject.text(), issuing) == (
        f"CN={server.name}.example.org,O=Example",
        host.site.ca.certificate("issuing"),
    )
    (record,) = host.records(owner=f"device:{server.name}")
    assert (record["serial"], record["vouchedBy"]) == (leaf.serial_hex, "administrator:local administrator")
    RelyingParty(tmp_path, host.http, host.site.ca.certificate("root")).accepts(leaf)
    purpose = ["-purpose", "sslserver", "-verify_hostname", f"{server.name}.example.org"]
    chain = ["-CAfile", "root.pem", "-untrusted", "chain.pem"]
    assert server.openssl.run("verify", *chain, *purpose, "leaf.pem") == b"leaf.pem: OK\n"


def test_a_revoked_one_is_found_revoked(server: Server, host: Host, tmp_path: Path) -> None:
    issued = server.issue(server.make_request("ec"), "--json").json
    leaf = Certificate.from_der(from_pem(issued["certificate"].encode())[0][1])
    host.revoke(issued["serial"])
    RelyingParty(tmp_path, host.http, host.site.ca.certificate("root")).finds_revoked(leaf)
    server.issue(tmp_path / "server.csr").assert_refused("403", issued["serial"], "new key")


def test_the_same_command_gets_the_same_certificate(server: Server) -> None:
    csr = server.make_request("rsa")
    first, second = server.issue(csr), server.issue(csr)
    assert first.code == 0, first.said
    assert first.output == second.output
    assert first.output.count("BEGIN CERTIFICATE") == 2
    assert "already issued" in second.said


def test_what_is_wrong_is_named(server: Server, tmp_path: Path) -> None:
    csr = server.make_request("rsa", san="DNS:www.example.net")
    server.issue(csr).assert_refused("403", "www.example.net", "SAN")
    (tmp_path / "key.csr").write_bytes((tmp_path / "server.key").read_bytes())
    server.issue(tmp_path / "key.csr").assert_refused("400", "PRIVATE KEY")
    assert server.issue(tmp_path / "none.csr").code == 2
