"""A CA kept in a folder of one machine: certificates as PEM, software keys beside them with mode 0600.

Files: root.pem, issuing.pem, next-issuing.pem once a successor is prepared, an RA identity per number (ra-1.pem,
ra-2.pem, ...) and OCSP responders (responder_files.py), each with its `.key`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1.pem import pem
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, new_ra_certificate
from shared.errors import KeyUnavailable
from shared.keys import software
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate

SUCCESSOR = "next-issuing"


class CAFolder:
    """`password` protects the key files; empty leaves them to their file mode."""

    def __init__(self, path: Path, password: str = "") -> None:
        self.path = path
        self._password = password

    def exists(self) -> bool:
        """Whether an issuing CA is here."""
        return (self.path / "issuing.pem").exists()

    def certificate(self, name: str) -> Certificate:
        """The certificate `name`.pem. Raises KeyUnavailable if there is none."""
        return read_certificate(self.path / f"{name}.pem")

    def key(self, name: str) -> SigningKey:
        """The key `name`.key. Raises KeyUnavailable."""
        return software.read_key(self.path / f"{name}.key", self._password)

    def keep(self, name: str, certificate: Certificate, key: SigningKey) -> None:
        """Write a key and its certificate; the key first, so a certificate here always has its key."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.path / f"{name}.pem").exists():
            (self.path / f"{name}.key").unlink(
                missing_ok=True
            )  # left by a step that was cut off; certifies nothing
        software.write_key(self.path / f"{name}.key", key, self._password)
        _write_whole(self.path / f"{name}.pem", to_pem(certificate))

    def holds_key(self, name: str) -> bool:
        """Whether `name`.key is here; a root's may have been taken away."""
        return (self.path / f"{name}.key").exists()

    def remove(self, name: str) -> None:
        """Delete a certificate and its key; the certificate first, so a certificate here always has its key."""
        (self.path / f"{name}.pem").unlink(missing_ok=True)
        (self.path / f"{name}.key").unlink(missing_ok=True)

    def issuer(self, base_url: str, *, ocsp: bool = True) -> Issuer:
        """The issuing CA with its chain; `ocsp`: certificates say where OCSP is. Raises KeyUnavailable,
        IssuanceFault."""
        chain = (self.certificate("root"),)
        return Issuer(self.certificate("issuing"), chain, self.key("issuing"), base_url, ocsp)

    def successor(self) -> Certificate | None:
        """The certificate of the CA that will issue next, None as long as none is prepared."""
        path = self.path / f"{SUCCESSOR}.pem"
        return read_certificate(path) if path.exists() else None

    def ca_certificates(self) -> list[Certificate]:
        """Every CA certificate that the root has signed, its own among them."""
        successor = self.successor()
        known = [self.certificate("root"), self.certificate("issuing")]
        return [*known, successor] if successor else known

    def root_crl(self) -> bytes | None:
        """The CRL (DER) that the root signed when it was made, or None."""
        path = self.path / "root.crl"
        return path.read_bytes() if path.exists() else None

    def keep_root_crl(self, der: bytes) -> None:
        """Write the root's CRL."""
        _write_whole(self.path / "root.crl", der)

    def ra_identities(self) -> list[RAIdentity]:
        """Every RA identity in the folder, in the order they were made."""
        return [self._ra_identity(path) for path in self._ra_files()]

    def add_ra_identity(self, issuer: Issuer, *, now: datetime, backdate: timedelta) -> RAIdentity:
        """Make the next RA identity under `issuer` and keep it."""
        key = software.generate("rsa-2048")
        certificate = new_ra_certificate(issuer, key, now=now, backdate=backdate)
        name = f"ra-{max(map(_number, self._ra_files()), default=0) + 1}"
        self.keep(name, certificate, key)
        return self._ra_identity(self.path / f"{name}.pem")

    def _ra_files(self) -> list[Path]:
        found = self.path.glob("ra-*.pem")
        return sorted((path for path in found if path.stem.removeprefix("ra-").isdecimal()), key=_number)

    def _ra_identity(self, path: Path) -> RAIdentity:
        key = self.key(path.stem)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyUnavailable(f"{path}: an RA key must be RSA, SCEP clients seal their requests to it")
        since = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        return RAIdentity(read_certificate(path), key, since)


def _number(ra_file: Path) -> int:
    return int(ra_file.stem.removeprefix("ra-"))


def _write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all: whoever is cut off leaves no half of a file behind."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def read_certificate(path: Path) -> Certificate:
    """The certificate in a PEM file. Raises KeyUnavailable if there is none."""
    try:
        loaded = pyca.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        raise KeyUnavailable(f"no CA certificate {path}; run: python manage.py ca init") from None
    except ValueError as error:
        raise KeyUnavailable(f"{path} does not hold a PEM certificate") from error
    return Certificate.from_der(loaded.public_bytes(serialization.Encoding.DER))


def to_pem(certificate: Certificate) -> bytes:
    """The certificate as PEM (RFC 7468)."""
    return pem("CERTIFICATE", certificate.der)
