"""A site whose profile `outside` is issued by the EST server of tests/est, and strongSwan as that server's client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from local.azurite import Azurite
from shared.ca.issuer import issuer_id
from shared.x509.certificate import Certificate
from tests.e2e.site import Site
from tests.est.server import PASSWORD, USER, ESTServer
from tests.programs import openssl_in, program

PROFILE = """
[profiles.outside]
title = "Devices whose certificates others issue"
holder = "device"
challenge = "sealed"
ca = "others"
key = ["RSA-2048"]
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 90
certificate_only_renewal = true
renewal_window = "100%"

[profiles.outside.subject]
CN = { pattern = '[A-Za-z0-9.-]{1,40}', required = true }
O = { pattern = '[A-Za-z0-9 ]+' }
C = { pattern = '[A-Z]{2}' }

[profiles.outside.san]
dns = { pattern = '[a-z0-9-]+\\.example\\.org' }
email = { pattern = '[a-z0-9-]+@example\\.org' }

[profiles.outside-machine]
title = "Machines whose keys are made here and whose certificates others issue"
holder = "device"
challenge = "pkcs"
ca = "others"
key = ["P-256"]
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 90

[profiles.outside-machine.subject]
CN = { pattern = '.+', required = true }

[profiles.outside-machine.pkcs]
subject = "CN={{DeviceName}}"
sealing = ["cms"]
"""


@dataclass(frozen=True)
class OutsideSite:
    site: Site
    est: ESTServer

    @property
    def issuer(self) -> str:
        """The id of the outside CA on record."""
        return issuer_id(Certificate.from_der(self.est.authority.chain[0].public_bytes(Encoding.DER)).spki)


@contextmanager
def outside_site(folder: Path) -> Iterator[OutsideSite]:
    """Its own Azurite, its own EST server; hosts are started by who needs them."""
    with Azurite.start(in_memory=True) as azurite, ESTServer(folder) as est:
        site = Site.make(folder, azurite.connection_string)
        with (folder / "profiles.toml").open("a") as profiles:
            profiles.write(PROFILE)
        policy = (folder / "profiles.toml").read_text()
        caller = policy.replace(
            'profiles = ["device"', 'profiles = ["outside", "outside-machine", "device"', 1
        )
        (folder / "profiles.toml").write_text(caller)
        prefix = "SCEPTER_OUTSIDE_CA__OTHERS__"
        given = {
            "URL": est.url,
            "CHAIN": str(est.chain),
            "TRUST": str(est.trust),
            "USERNAME": USER,
            "PASSWORD": PASSWORD,
            "SECONDS": "5",
        }
        site.let(**{f"{prefix}{name}": value for name, value in given.items()})
        yield OutsideSite(site, est)


@dataclass(frozen=True)
class ESTClient:
    """strongSwan's `pki --est`: an EST client of others, as a second opinion on the server."""

    folder: Path
    est: ESTServer

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        trust = ["--cacert", str(self.est.trust), "--cacert", str(self.folder / "ca.pem")]
        return subprocess.run(
            [program("pki"), "--est", "--url", self.est.origin, "--outform", "pem", *trust, *arguments],
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def fetch_ca(self) -> None:
        """/cacerts into ca.pem and ca-1.pem."""
        command = [program("pki"), "--estca", "--url", self.est.origin, "--cacert", str(self.est.trust)]
        done = subprocess.run(
            [*command, "--caout", "ca.pem", "--outform", "pem"],
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def request(self, key: str) -> str:
        """A request of a key that is made for it; the name of its file."""
        openssl = openssl_in(self.folder)
        openssl.run("genrsa", "-out", key, "2048")
        san = "subjectAltName=DNS:swan.example.org"
        openssl.run(
            "req", "-new", "-key", key, "-subj", "/O=Probe/CN=swan", "-addext", san, "-out", f"{key}.req"
        )
        return f"{key}.req"

    def certificate(self, done: subprocess.CompletedProcess[bytes]) -> x509.Certificate:
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return x509.load_pem_x509_certificate(done.stdout)
