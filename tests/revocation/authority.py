"""A CA with certificates on record, its revocations and its CRL, all in memory and with a clock to move."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.ca.authority import CertificateAuthority
from shared.ca.issuer import Issuer
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.publication import CRLPublisher
from shared.revocation.service import Records, RevocationService
from shared.store.memory import MemoryPublicationStore, MemoryQueue, MemoryStore
from shared.store.ports import CertificateRecord, PublicationStore
from shared.x509.certificate import Certificate
from shared.x509.crl import CertificateRevocationList, parse_crl
from tests.ca.stores import order, template
from tests.scep.authority import NOW, World

LIFE = timedelta(hours=72)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Authority:
    """`now` is the time of everything in here."""

    algorithm: str = "p-256"
    now: datetime = NOW
    store: MemoryStore = field(default_factory=MemoryStore)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    publications: MemoryPublicationStore = field(default_factory=MemoryPublicationStore)

    def __post_init__(self) -> None:
        self.issuer: Issuer = World(self.algorithm).issuer
        self.issued = 0
        self.revocations = self.service(self.store)
        self.publisher = self.publisher_over(self.publications)

    def service(self, records: Records) -> RevocationService:
        """A worker's revocation service, over its own view of the store."""
        return RevocationService(records, CRLRequests(self.queue, lambda: self.now), lambda: self.now)

    def publisher_over(self, publications: PublicationStore, records: Records | None = None) -> CRLPublisher:
        """A worker's publisher, over its own view of the stores."""
        return CRLPublisher(self.issuer, records or self.store, publications, LIFE, lambda: self.now)

    def issue(self, *, ends: datetime | None = None) -> CertificateRecord:
        """A fresh certificate on record."""
        self.issued += 1
        asked = template(self.issued % 3)
        if ends is not None:
            asked = type(asked)(asked.subject, asked.spki, self.now, ends, asked.extensions)
        authority = CertificateAuthority(self.issuer, self.store)
        return authority.issue(asked, order(f"challenge-{self.issued}"), now=self.now).record

    def revoke(self, record: CertificateRecord, reason: str = "keyCompromise") -> CertificateRecord:
        return self.revocations.revoke(record.issuer, record.serial, reason, by="tests")

    def lift(self, record: CertificateRecord) -> CertificateRecord:
        return self.revocations.lift(record.issuer, record.serial)

    def crl(self) -> CertificateRevocationList:
        """The CRL that stands published."""
        found = self.publications.read(self.publisher.name)
        assert found is not None
        return parse_crl(found.data)

    def listed(self) -> dict[str, str | None]:
        """Serial to reason, of the CRL that stands published."""
        return {entry.serial_hex: entry.reason for entry in self.crl().entries()}

    def certificate(self, record: CertificateRecord) -> Certificate:
        assert record.certificate is not None
        return Certificate.from_der(record.certificate)
