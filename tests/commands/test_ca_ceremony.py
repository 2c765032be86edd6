"""`manage.py ca` with a root elsewhere: each step once, again, dry, and when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands import ca
from shared.errors import PKIError
from tests.programs import OpenSSL

URL = ("--public-url", "http://pki.example.org")
NAME = "CN=Issuing CA 1,O=Example"


@dataclass(frozen=True)
class Desk:
    """A folder with the root's, the CA's, and what is carried between them."""

    folder: Path

    def run(self, *command: str) -> Result:
        nowhere = ("--settings", str(self.folder / "none.json"))
        return CliRunner().invoke(ca.cli, [*command, *nowhere])

    def told(self, *command: str) -> Any:
        done = self.run(*command, "--json")
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    def refused(self, *command: str) -> str:
        """Why an error of ours ended it."""
        done = self.run(*command)
        assert isinstance(done.exception, PKIError), (done.output, done.exception)
        return done.exception.reason

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def state(self) -> Mapping[str, bytes]:
        return {str(file): file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}

    @property
    def at_root(self) -> tuple[str, str]:
        return "--root", self.path("root")

    @property
    def at_ca(self) -> tuple[str, str]:
        return "--folder", self.path("ca")

    def request(self, *more: str, subject: str = NAME, out: str = "one.csr") -> tuple[str, ...]:
        asked = ("--subject", subject, "--key", "p-256", "--out", self.path(out))
        return ("request", *self.at_ca, *asked, *more)

    def sign(self, *more: str, name: str = "one") -> tuple[str, ...]:
        files = (self.path(f"{name}.csr"), "--out", self.path(f"{name}.pem"))
        return ("sign", *files, *self.at_root, *URL, *more)

    def install(self, *more: str, file: str = "one.pem") -> tuple[str, ...]:
        return ("install", self.path(file), *self.at_ca, *URL, *more)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """With a root."""
    made = Desk(tmp_path)
    made.told(*root_init(made))
    return made


def root_init(desk: Desk, subject: str = "CN=Root,O=Example") -> tuple[str, ...]:
    return ("root-init", *desk.at_root, "--subject", subject, "--key", "p-256")


@pytest.fixture
def installed(desk: Desk) -> Desk:
    for command in (desk.request(), desk.sign(), desk.install()):
        desk.told(*command)
    return desk


def steps(desk: Desk) -> list[tuple[str, ...]]:
    return [root_init(desk), desk.request(), desk.sign(), desk.install(), ("root-crl", *desk.at_root)]


def test_every_step_again_changes_nothing(installed: Desk) -> None:
    before = installed.state()
    for command in steps(installed):
        if command[0] != "request":
            installed.told(*command)
            assert installed.state() == before


def test_a_request_that_was_not_answered_is_made_again_for_the_same_key(desk: Desk) -> None:
    assert desk.told(*desk.request())["keyMade"]
    key = desk.state()[desk.path("ca/issuing.key")]
    assert not desk.told(*desk.request())["keyMade"]
    assert {name for name in desk.state() if name.endswith(".key")} == {
        desk.path("ca/issuing.key"),
        desk.path("root/root.key"),
    }
    assert desk.state()[desk.path("ca/issuing.key")] == key


def test_a_dry_step_changes_nothing_and_says_what_it_would(desk: Desk) -> None:
    for command in steps(desk):
        before = desk.state()
        told = desk.told(*command, "--dry-run")
        assert told["dryRun"] is True
        assert told["done"]
        assert desk.state() == before
        desk.told(*command)


def test_what_was_installed_verifies(installed: Desk, openssl: OpenSSL) -> None:
    root, own = installed.path("root/root.pem"), installed.path("ca/issuing.pem")
    openssl.run("crl", "-inform", "DER", "-in", installed.path("ca/root.crl"), "-out", "crl.pem")
    checks = ("-x509_strict", "-crl_check", "-CRLfile", "crl.pem", "-CAfile", root)
    assert b"OK" in openssl.run("verify", *checks, own)
    text = openssl.run("x509", "-in", own, "-noout", "-text").decode()
    assert "CA:TRUE, pathlen:0" in text
    assert "http://pki.example.org/crl/" in text
    parts = [row["role"] for row in installed.told("show", *installed.at_ca)]
    assert parts == ["root", "issuing", "SCEP RA", "OCSP responder"]


def test_openssl_reads_the_request(desk: Desk, openssl: OpenSSL) -> None:
    desk.told(*desk.request())
    text = openssl.run("req", "-in", desk.path("one.csr"), "-noout", "-text", "-verify").decode()
    assert "CA:TRUE, pathlen:0" in text
    assert "Certificate Sign, CRL Sign" in text


def test_what_an_existing_root_of_openssls_signed_is_installed(desk: Desk, openssl: OpenSSL) -> None:
    """As a corporate root would: the request goes there, a certificate and a chain in PKCS #7 come back."""
    desk.told(*desk.request())
    (openssl.folder / "ca.cnf").write_text(
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    subject = ("-subj", "/O=Corporate/CN=Corporate Root", "-days", "3650", "-out", "root.pem")
    openssl.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", *subject)
    signer = ("-CA", "root.pem", "-CAkey", "root.key", "-days", "900", "-extfile", "ca.cnf")
    openssl.run("x509", "-req", "-in", desk.path("one.csr"), *signer, "-out", "own.pem")
    bag = ("-certfile", "own.pem", "-certfile", "root.pem", "-outform", "DER")
    openssl.run("crl2pkcs7", "-nocrl", *bag, "-out", desk.path("one.pem"))
    told = desk.told(*desk.install())
    assert "it issues" in told["done"]
    assert any("names no CRL" in doubt for doubt in told["doubts"])
    assert b"OK" in openssl.run("verify", "-CAfile", "root.pem", desk.path("ca/issuing.pem"))


def test_the_answer_to_another_request_is_refused(installed: Desk) -> None:
    other = Desk(installed.folder / "other")
    other.folder.mkdir()
    other.told(*other.request())
    assert "another request" in installed_refusal(other, installed)


def installed_refusal(other: Desk, desk: Desk) -> str:
    before = other.state()
    reason = other.refused("install", desk.path("one.pem"), *other.at_ca, *URL)
    assert other.state() == before
    return reason


def test_a_successor_waits_until_it_takes_over(installed: Desk) -> None:
    installed.told(*installed.request(subject="CN=Issuing CA 2,O=Example", out="two.csr"))
    installed.told(*installed.sign(name="two"))
    told = installed.told(*installed.install(file="two.pem"))
    assert "waits" in told["done"]
    issuer = told["certificates"][0]["id"]
    take_over = ("take-over", issuer, *installed.at_ca, *URL)
    before = installed.state()
    assert installed.told(*take_over, "--dry-run")["dryRun"]
    assert installed.state() == before
    planned = installed.told(*take_over, "--at", "2030-01-01T00:00:00Z")
    assert "2030-01-01 00:00Z" in planned["done"]
    assert "waits" in installed.told(*take_over, "--wait")["done"]
    installed.told(*take_over)
    assert "already" in installed.told(*take_over)["done"]
    parts = [row["role"] for row in installed.told("show", *installed.at_ca)][:3]
    assert parts == ["root", "former issuing", "issuing"]


def test_a_successor_of_the_same_name_is_refused(installed: Desk) -> None:
    assert "name of its own" in installed.refused(*installed.request())


def test_another_root_is_not_written_over(desk: Desk) -> None:
    before = desk.state()
    assert "another root already" in desk.refused(*root_init(desk, "CN=Other"))
    assert desk.state() == before


def test_a_revoked_ca_is_in_the_crl_that_is_installed(installed: Desk, openssl: OpenSSL) -> None:
    crl = (
        "root-crl",
        *installed.at_root,
        "--revoke",
        installed.path("one.pem"),
        "--out",
        installed.path("crl.pem"),
    )
    before = installed.state()
    installed.told(*crl, "--dry-run")
    assert installed.state() == before
    installed.told(*crl)
    again = installed.told(*crl)
    assert "1 revoked" in again["done"]
    assert "installed" in installed.told(*installed.install(file="crl.pem"))["done"]
    assert b"CA Compromise" in openssl.run("crl", "-in", installed.path("crl.pem"), "-noout", "-text")
    installed.told(*installed.sign(name="one"))  # a revoked one is not handed out again
    assert len(list((installed.folder / "root").glob("signed-*.pem"))) == 2


def test_the_roots_responder_is_made_signed_and_installed(installed: Desk) -> None:
    desk = installed
    asked = ("responder-request", "--out", desk.path("ocsp.csr"), "--json")
    for _ in range(2):
        assert CliRunner().invoke(ca.cli, list(asked)).exit_code == 0
    assert (desk.folder / "ocsp.key").stat().st_mode & 0o077 == 0
    desk.told("sign-responder", desk.path("ocsp.csr"), *desk.at_root, "--out", desk.path("ocsp.pem"))
    install = ("install-responder", desk.path("ocsp.pem"), "--key", desk.path("ocsp.key"), *desk.at_ca)
    assert "install it" in desk.told(*install, "--dry-run")["done"]
    assert "is installed" in desk.told(*install)["done"]
    assert "there already" in desk.told(*install)["done"]
    assert "root's OCSP responder" in [row["role"] for row in desk.told("show", *desk.at_ca)]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("request", "--out", "x"), "--subject"),
        (("request", "--out", "x", "--renew", "--subject", "CN=x"), "--renew"),
        (("request", "--out", "x", "--subject", "no name"), "--subject"),
        (("request", "--out", "x", "--subject", "CN=x", "--key", "dsa"), "dsa"),
        (("root-init", "--root", "r", "--subject", "CN=x", "--key", "dsa"), "--key"),
    ],
)
def test_a_wrong_option_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(desk.folder)
    done = desk.run(*command)
    assert done.exit_code == 2
    assert words in done.output
    assert not (desk.folder / "x").exists()


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_holds_nothing_is_named(desk: Desk, content: bytes) -> None:
    (desk.folder / "x.pem").write_bytes(content)
    desk.told(*desk.request())
    assert desk.refused(*desk.install(file="x.pem"))
