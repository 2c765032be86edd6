"""A CA with certificates on record, its revocations and its CRL, all in memory and with a clock to move."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.ca.authority import CertificateAuthority
from shared.ca.issuer import Issuer
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.publication import CRLPublisher
from shared.revocation.scopes import CRLPlan, Scope
from shared.revocation.service import Records, RevocationService
from shared.store.memory import MemoryPublicationStore, MemoryQueue, MemoryStore
from shared.store.ports import CertificateRecord, PublicationStore
from shared.x509.certificate import Certificate
from shared.x509.crl import CertificateRevocationList, parse_crl
from shared.x509.serial import shard_of
from tests.ca.stores import order, template
from tests.scep.authority import NOW, World

LIFE = timedelta(hours=72)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Authority:
    """`now` is the time of everything in here."""

    algorithm: str = "p-256"
    plan: CRLPlan = field(default_factory=lambda: CRLPlan(LIFE))
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
        return CRLPublisher(self.issuer, records or self.store, publications, self.plan, lambda: self.now)

    def issue(self, *, ends: datetime | None = None) -> CertificateRecord:
        """A fresh certificate on record."""
        self.issued += 1
        asked = template(self.issued % 3)
        if ends is not None:
            asked = type(asked)(asked.subject, asked.spki, self.now, ends, asked.extensions)
        issuer = self.issuer.sharded(self.plan.shards) if self.plan.shards else self.issuer
        authority = CertificateAuthority(issuer, self.store)
        return authority.issue(asked, order(f"challenge-{self.issued}"), now=self.now).record

    def revoke(self, record: CertificateRecord, reason: str = "keyCompromise") -> CertificateRecord:
        return self.revocations.revoke(record.issuer, record.serial, reason, by="tests")

    def lift(self, record: CertificateRecord) -> CertificateRecord:
        return self.revocations.lift(record.issuer, record.serial)

    def replan(self, **changes: Any) -> None:
        """Another plan, as after a change of settings."""
        self.plan = replace(self.plan, **changes)
        self.publisher = self.publisher_over(self.publications)

    def crl(self, name: str = "") -> CertificateRevocationList:
        """The CRL that stands published: the full one, or the blob `name`."""
        found = self.publications.read(name or self.publisher.name)
        assert found is not None
        return parse_crl(found.data)

    def listed(self, name: str = "") -> dict[str, str | None]:
        """Serial to reason, of the CRL that stands published."""
        return {entry.serial_hex: entry.reason for entry in self.crl(name).entries()}

    def shard(self, record: CertificateRecord, count: int = 0) -> str:
        """The blob of the shard that a certificate falls into, of those it names unless told otherwise."""
        count = count or self.plan.shards
        return Scope.shard(self.issuer, count, shard_of(record.serial, count)).name

    @property
    def delta_name(self) -> str:
        return Scope.whole(self.issuer).delta_name

    def shard_counts(self) -> set[int]:
        """The counts of all shards that have ever been published."""
        names = [name.rpartition("/")[2] for name in self.publications.headers if name.count("/") == 2]
        return {int(name.partition("-")[0]) for name in names}

    def certificate(self, record: CertificateRecord) -> Certificate:
        assert record.certificate is not None
        return Certificate.from_der(record.certificate)
