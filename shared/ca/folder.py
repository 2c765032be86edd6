"""A CA kept in a folder of one machine: certificates as PEM, software keys beside them with mode 0600.

Files: root.pem, issuing.pem and its successors (folder_holdings.py), an RA identity per number (ra-1.pem, ra-2.pem,
...) and OCSP responders (responder_files.py), each with its `.key`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1.pem import pem
from shared.ca.folder_holdings import (
    FIRST,
    certificates_in,
    next_stem,
    own_stems,
    read_holdings,
    write_holdings,
    write_whole,
)
from shared.ca.holdings import Holdings
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, new_ra_certificate
from shared.ca.roster import chain_of
from shared.errors import KeyUnavailable
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.x509.certificate import Certificate

_SETTLED: Final = 2.0
"""Seconds after which a change of the folder shows in its time for sure."""


class CAFolder:
    """`password` protects the key files; empty leaves them to their file mode."""

    stale_after = timedelta(0)
    """A look at the folder's time is cheap."""

    def __init__(self, path: Path, password: str = "") -> None:
        self.path = path
        self._password = password
        self._seen: tuple[int, Holdings] | None = None

    def exists(self) -> bool:
        """Whether an issuing CA is here."""
        return (self.path / f"{FIRST}.pem").exists()

    def is_empty(self) -> bool:
        """Whether no CA certificate was ever installed."""
        return not own_stems(self.path)

    def holdings(self) -> Holdings:
        """The certificates of the CA. Raises KeyUnavailable."""
        changed = self.path.stat().st_mtime_ns if self.path.exists() else 0
        if self._seen is None or self._seen[0] != changed:
            held = read_holdings(self.path)
            if time.time() - changed / 1e9 < _SETTLED:
                return held  # what is written in this moment may get the same time
            self._seen = changed, held
        return self._seen[1]

    def keep_holdings(self, holdings: Holdings) -> None:
        """Make the files say what `holdings` do. Keys stay, also those that are held no more, under other names.

        Raises KeyUnavailable where there is no key for a certificate of ours.
        """
        stems = own_stems(self.path, ".key")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_holdings(self.path, holdings, {public_key_info(self.key(stem)): stem for stem in stems})

    def signing_key(self, certificate: Certificate) -> SigningKey:
        """The key that a certificate of ours is for. Raises KeyUnavailable."""
        for stem in own_stems(self.path):
            if any(each.spki == certificate.spki for each in certificates_in(self.path / f"{stem}.pem")):
                return self.key(stem)
        raise KeyUnavailable(f"{self.path} has no key for {certificate.subject.text()}")

    def waiting_key(self) -> SigningKey | None:
        """A key that was made for a CA and has no certificate yet. Raises KeyUnavailable."""
        bare = [stem for stem in own_stems(self.path, ".key") if not (self.path / f"{stem}.pem").exists()]
        return self.key(bare[-1]) if bare else None

    def make_key(self, algorithm: str) -> SigningKey:
        """A key for a CA that is to be certified elsewhere; one of shared/keys/software.ALGORITHMS."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = software.generate(algorithm)
        software.write_key(self.path / f"{next_stem(self.path)}.key", key, self._password)
        return key

    def certificate(self, name: str) -> Certificate:
        """The certificate `name`.pem. Raises KeyUnavailable if there is none."""
        return certificates_in(self.path / f"{name}.pem")[0]

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
        write_whole(self.path / f"{name}.pem", to_pem(certificate))

    def holds_key(self, name: str) -> bool:
        """Whether `name`.key is here; a root's may have been taken away."""
        return (self.path / f"{name}.key").exists()

    def remove(self, name: str) -> None:
        """Delete a certificate and its key; the certificate first, so a certificate here always has its key."""
        (self.path / f"{name}.pem").unlink(missing_ok=True)
        (self.path / f"{name}.key").unlink(missing_ok=True)

    def issuer(self, base_url: str, *, ocsp: bool = True) -> Issuer:
        """The issuing CA that was made first, with its chain; `ocsp`: certificates say where OCSP is.

        Raises KeyUnavailable, IssuanceFault.
        """
        own = self.certificate(FIRST)
        return Issuer(own, chain_of(own, read_holdings(self.path).above), self.key(FIRST), base_url, ocsp)

    def root_crl(self) -> bytes | None:
        """The CRL (DER) that the root signed when it was made, or None."""
        path = self.path / "root.crl"
        return path.read_bytes() if path.exists() else None

    def keep_root_crl(self, der: bytes) -> None:
        """Write the root's CRL."""
        write_whole(self.path / "root.crl", der)

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
        return RAIdentity(certificates_in(path)[0], key, since)


def _number(ra_file: Path) -> int:
    return int(ra_file.stem.removeprefix("ra-"))


def to_pem(certificate: Certificate) -> bytes:
    """The certificate as PEM (RFC 7468)."""
    return pem("CERTIFICATE", certificate.der)
