"""micromdm's `scepclient`, which knows SHA-1 and single DES and nothing else, in a folder of its own.

What it does depends on the files it finds: with a certificate from before it renews, with its key and CSR it sends
the same request again. While a request is pending it sends it again after 30 seconds.
"""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.x509.certificate import Certificate
from tests.programs import program


@dataclass(frozen=True)
class Ended:
    """How it ended, and all that it said."""

    code: int
    said: str


@dataclass(frozen=True)
class ScepClient:
    """Enrols `CN=<name>,OU=MDM,O=Probe,C=CZ`. It seals to every certificate of GetCACert that `ra` does not single
    out, and cannot seal to an EC key."""

    folder: Path
    name: str
    ra: Certificate

    @property
    def subject(self) -> str:
        return f"CN={self.name},OU=MDM,O=Probe,C=CZ"

    @property
    def certificate(self) -> Certificate | None:
        """What it has got."""
        path = self.folder / "device.pem"
        if not path.exists():
            return None
        found = x509.load_pem_x509_certificate(path.read_bytes())
        return Certificate.from_der(found.public_bytes(Encoding.DER))

    def run(self, url: str, challenge: str) -> Ended:
        """Enrol, or renew what it has."""
        files = ["-private-key", "device.key", "-certificate", "device.pem"]
        names = ["-cn", self.name, "-organization", "Probe", "-country", "CZ"]
        trust = ["-ca-fingerprint", hashlib.sha256(self.ra.der).hexdigest()]
        done = subprocess.run(
            [program("scepclient"), "-server-url", url, "-challenge", challenge, *files, *names, *trust],
            cwd=self.folder,
            capture_output=True,
            timeout=90,
            check=False,
        )
        return Ended(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))

    def forget(self) -> None:
        """Begin anew: after a refusal it would send the old request, with the old challenge."""
        for path in self.folder.iterdir():
            path.unlink()
