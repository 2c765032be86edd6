"""strongSwan's `pki`, a SCEP client that posts, in a folder of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.x509.certificate import Certificate
from tests.programs import openssl_in, program


@dataclass(frozen=True)
class Answer:
    """How `pki` ended, what it wrote to its output, and what it said."""

    code: int
    output: bytes
    said: str

    @property
    def certificate(self) -> Certificate:
        """The certificate it got. Fails the test, with its words, if there is none."""
        assert self.code == 0, self.said
        found = x509.load_pem_x509_certificate(self.output)
        return Certificate.from_der(found.public_bytes(Encoding.DER))


@dataclass(frozen=True)
class StrongSwan:
    """Enrols `CN=<name>,O=Probe,C=CZ` with two SANs at a SCEP URL."""

    folder: Path
    url: str
    name: str

    @property
    def sans(self) -> list[str]:
        return [f"dns:{self.name}.example.org", f"email:{self.name}@example.org"]

    @property
    def subject(self) -> str:
        return f"CN={self.name},O=Probe,C=CZ"

    def fetch_ca(self) -> Answer:
        """GetCACert; leaves root, issuing CA and RA in ca.pem, ca-1.pem and ra.pem."""
        return self._run("--scepca", "--caout", "ca.pem", "--raout", "ra.pem")

    def enrol(self, challenge: str, *more: str, key: str = "key.pem") -> Answer:
        """PKCSReq with a key that is made if there is none yet."""
        self._make_key(key)
        return self._scep(key, "--password", challenge, *more)

    def renew(self, certificate: Certificate, *more: str) -> Answer:
        """RenewalReq, signed with key.pem, for new-key.pem."""
        self._make_key("new-key.pem")
        found = x509.load_der_x509_certificate(certificate.der)
        (self.folder / "old.pem").write_bytes(found.public_bytes(Encoding.PEM))
        return self._scep("new-key.pem", "--cert", "old.pem", "--key", "key.pem", *more)

    def _scep(self, key: str, *more: str) -> Answer:
        # As strongSwan writes names, the most significant part comes first.
        names = ["--dn", f"C=CZ, O=Probe, CN={self.name}"]
        for san in self.sans:
            names += ["--san", san.partition(":")[2]]
        trust = ["--cacert-enc", "ra.pem", "--cacert-sig", "ra.pem"]
        trust += ["--cacert", "ca.pem", "--cacert", "ca-1.pem"]
        return self._run("--scep", "--in", key, *names, *trust, *more)

    def _make_key(self, name: str) -> None:
        if not (self.folder / name).exists():
            openssl_in(self.folder).run("genrsa", "-out", name, "2048")

    def _run(self, command: str, *arguments: str) -> Answer:
        done = subprocess.run(
            [program("pki"), command, "--url", self.url, "--outform", "pem", *arguments],
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
