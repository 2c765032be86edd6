"""A root that is kept away from everything else: a folder on a machine without a network, or on a medium in a safe.

It holds root.pem, root.key, root.crl, and whatever the root ever signed as signed-<serial>.pem: what is signed is
answered again when it is asked for again, and revoked by its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.ca import hierarchy
from shared.ca.folder import CAFolder, to_pem
from shared.ca.folder_holdings import certificates_in, write_whole
from shared.ca.responder_identity import ROOT_LIFE, responder_request_template
from shared.ca.roster import is_issued_by
from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys import software
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate
from shared.x509.crl import CertificateRevocationList, RevokedEntry, parse_crl
from shared.x509.names import Name
from shared.x509.request import CertificateRequest

_FINAL: Final = "cACompromise"


@dataclass(frozen=True, slots=True)
class Below:
    """What CA certificates of the root promise: how long they live, and the base of our addresses."""

    base_url: str
    life: timedelta
    backdate: timedelta = timedelta(hours=24)
    ocsp: bool = True


@dataclass(frozen=True, slots=True)
class OfflineRoot:
    """The root in `folder`. Everything here is done where its key is."""

    folder: CAFolder

    @property
    def certificate(self) -> Certificate:
        """Raises KeyUnavailable where no root was made."""
        return self.folder.certificate("root")

    @property
    def crl(self) -> CertificateRevocationList | None:
        """The one that was signed last."""
        der = self.folder.root_crl()
        return None if der is None else parse_crl(der)

    def exists(self) -> bool:
        return (self.folder.path / "root.pem").exists()

    def make(self, subject: Name, algorithm: str, *, not_before: datetime, life: timedelta) -> Certificate:
        """The root itself; one that is there stays. Raises ValueError, KeyUnavailable."""
        if not self.exists():
            key = software.generate(algorithm)
            root = hierarchy.self_signed_root(key, subject, not_before=not_before, life=life)
            self.folder.keep("root", root, key)
        return self.certificate

    def signed(self) -> Iterator[Certificate]:
        """Everything that the root ever signed."""
        for path in sorted(self.folder.path.glob("signed-*.pem")):
            yield certificates_in(path)[0]

    def find(self, spki: bytes, now: datetime) -> Certificate | None:
        """The newest CA certificate that this root has given to a key, and that is neither over nor revoked."""
        crl = self.crl
        alive = [
            each
            for each in self.signed()
            if each.spki == spki
            and each.is_ca
            and each.not_after > now
            and (crl is None or crl.find(each.serial_hex) is None)
        ]
        return max(alive, key=lambda each: each.not_before, default=None)

    def certify(self, request: CertificateRequest, below: Below, now: datetime) -> Certificate:
        """A certificate for an issuing CA, path length 0. Raises KeyUnavailable, IssuanceFault."""
        if request.spki == self.certificate.spki or request.subject.same_as(self.certificate.subject):
            raise IssuanceFault("the request has the root's own key or name")
        return self._keep(
            hierarchy.subordinate(
                self.certificate,
                self._key,
                spki=request.spki,
                subject=request.subject,
                not_before=now - below.backdate,
                life=below.life + below.backdate,
                base_url=below.base_url,
                ocsp=below.ocsp,
            )
        )

    def cross_certify(self, other: Certificate, below: Below, now: datetime) -> Certificate:
        """A cross-certificate for the key of another CA, mostly of the next root (RFC 4210 4.4): whoever trusts this
        root trusts that key, too. Raises KeyUnavailable, IssuanceFault."""
        if not other.is_ca or other.spki == self.certificate.spki:
            raise IssuanceFault("a cross-certificate is for another CA")
        return self._keep(
            hierarchy.cross_certificate(
                self.certificate,
                self._key,
                other,
                not_before=now - below.backdate,
                life=below.life + below.backdate,
                base_url=below.base_url,
                ocsp=below.ocsp,
            )
        )

    def certify_responder(
        self, request: CertificateRequest, *, now: datetime, backdate: timedelta
    ) -> Certificate:
        """For the key of an OCSP responder that answers for this root. Raises KeyUnavailable, IssuanceFault."""
        template = responder_request_template(self.certificate, request.spki, now, ROOT_LIFE, backdate)
        return self._keep(hierarchy.root_responder(self.certificate, self._key, template))

    def needs_crl(self, now: datetime) -> bool:
        """Whether there is none, or it has passed half its life."""
        crl = self.crl
        return crl is None or now > crl.this_update + (crl.next_update - crl.this_update) / 2

    def revoked(self, certificate: Certificate) -> bool:
        """Whether the CRL names it."""
        crl = self.crl
        return crl is not None and crl.find(certificate.serial_hex) is not None

    def next_crl(
        self, *, now: datetime, life: timedelta, revoke: Certificate | None = None, reason: str = _FINAL
    ) -> bytes:
        """The next CRL with everything that the last one has, and one more. Raises KeyUnavailable, IssuanceFault."""
        last = self.crl
        entries = [] if last is None else list(last.entries())
        if revoke is not None and not self.revoked(revoke):
            if not is_issued_by(revoke, self.certificate):
                raise IssuanceFault(f"{revoke.subject.text()} was not signed by this root")
            entries.append(RevokedEntry(revoke.serial_hex, now, reason))
        number = max(int(now.timestamp()), 0 if last is None else last.number + 1)
        der = hierarchy.root_crl(
            self.certificate, self._key, now=now, life=life, entries=entries, number=number
        )
        self.folder.keep_root_crl(der)
        return der

    @property
    def _key(self) -> SigningKey:
        if not self.folder.holds_key("root"):
            raise KeyUnavailable(f"{self.folder.path} has no root.key: the root signs where its key is")
        return self.folder.key("root")

    def _keep(self, certificate: Certificate) -> Certificate:
        write_whole(self.folder.path / f"signed-{certificate.serial_hex}.pem", to_pem(certificate))
        return certificate
