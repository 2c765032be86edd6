"""OCSP as relying parties ask it: OpenSSL, GnuTLS, a GET by hand, and a raw socket; each says what it was told."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from shared.asn1.pem import pem
from shared.x509.certificate import Certificate
from tests.programs import OpenSSL, openssl_in, program


@dataclass(frozen=True)
class Asker:
    """Trusts `root` and asks at `url` from within `folder`."""

    folder: Path
    url: str
    http: httpx.Client
    root: Certificate
    issuing: Certificate

    def __post_init__(self) -> None:
        self.write("root", self.root)
        self.write("issuing", self.issuing)

    @property
    def openssl(self) -> OpenSSL:
        return openssl_in(self.folder)

    def write(self, name: str, certificate: Certificate) -> str:
        """`name`.pem, for the programs."""
        (self.folder / f"{name}.pem").write_bytes(pem("CERTIFICATE", certificate.der))
        return f"{name}.pem"

    def by_post(self, *asked: str, issuer: str = "issuing.pem") -> list[str]:
        """What `openssl ocsp` makes of the answer to its POST, one state for each `-serial` or `-cert` of `asked`."""
        said = self.openssl.words("ocsp", "-issuer", issuer, *asked, "-url", self.url, *self._trust())
        return self._states(said)

    def refusal(self, *asked: str) -> str:
        """The responder's error, where there is no answer to a POST of openssl's."""
        said = self.openssl.words("ocsp", *asked, "-url", self.url)
        (error,) = re.findall(r"Responder Error: (\w+) ", said)
        return str(error)

    def by_get(self, *asked: str, issuer: str = "issuing.pem") -> list[str]:
        """The same for a GET: the request is made and the answer judged by openssl."""
        self.openssl.run("ocsp", "-issuer", issuer, *asked, "-no_nonce", "-reqout", "request.der")
        text = base64.b64encode((self.folder / "request.der").read_bytes()).decode()
        answer = self.http.get(f"{self.url}/{quote(text, safe='')}").raise_for_status()
        (self.folder / "response.der").write_bytes(answer.content)
        given = ["-respin", "response.der", "-issuer", issuer, *asked, "-no_nonce", *self._trust()]
        return self._states(self.openssl.words("ocsp", *given))

    def by_gnutls(self, certificate: str, *options: str, issuer: str = "issuing.pem") -> str:
        """What GnuTLS' ocsptool says of one certificate."""
        files = ["--load-cert", certificate, "--load-issuer", issuer]
        done = subprocess.run(
            [program("ocsptool"), f"--ask={self.url}", *files, *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Verifying OCSP Response: Success." in said, said
        (state,) = re.findall(r"Certificate Status: (\w+)", said)
        return str(state)

    def by_crl(self, certificate: str, crls: Sequence[bytes]) -> str:
        """What `openssl verify -crl_check` says of a certificate."""
        (self.folder / "crls.pem").write_bytes(b"".join(pem("X509 CRL", crl) for crl in crls))
        given = ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "crls.pem", "-crl_check"]
        said = self.openssl.words("verify", "-x509_strict", *given, certificate)
        return (
            "revoked" if "certificate revoked" in said else "good" if f"{certificate}: OK" in said else said
        )

    def _trust(self) -> list[str]:
        return ["-CAfile", "root.pem", "-verify_other", "issuing.pem"]

    def _states(self, said: str) -> list[str]:
        assert "Response verify OK" in said, said
        return re.findall(r"^\S+: (good|revoked|unknown)$", said, re.MULTILINE)


def http_1_0(port: int, body: bytes) -> bytes:
    """A POST as FreeRADIUS sends it: HTTP/1.0, no Host; the body of the answer."""
    head = f"POST /ocsp HTTP/1.0\r\nContent-Type: application/ocsp-request\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        with connection.makefile("rb") as answer:
            status, _, rest = answer.read().partition(b"\r\n")
    assert b" 200 " in status
    return rest.partition(b"\r\n\r\n")[2]
