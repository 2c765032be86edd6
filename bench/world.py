"""A CA in memory: what is measured in process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.fleet import POLICY, Fleet, Mint, now
from shared.ca import hierarchy
from shared.ca.authority import CertificateAuthority
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.keys import software
from shared.keys.ports import public_key_info
from shared.policy.profiles import Profiles
from shared.revocation.published import PublishedCRLs
from shared.scep.approval import Approvals
from shared.scep.enrolment import Enrolment
from shared.scep.renewal import Renewals
from shared.scep.retrieval import Retrieval
from shared.scep.service import SCEPService
from shared.store.memory import MemoryPublicationStore, MemoryStore
from shared.store.memory_pending import MemoryPendingRequests
from shared.store.ports import CertificateRecord, Claim
from shared.x509.names import Name
from shared.x509.serial import make_serial

YEAR, DAY = timedelta(days=365), timedelta(days=1)


class World:
    """One CA with an `algorithm` key and an RA with RSA-2048; `stored` certificates are on record at the start."""

    def __init__(self, algorithm: str, stored: int) -> None:
        self.start = now() - YEAR
        self.ca_key = software.generate(algorithm)
        self.ra_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.issuer = self._make_issuer(algorithm)
        spki, name = public_key_info(self.ra_key), Name.build([("CN", "RA")])
        template = hierarchy.ra_template(spki, name, not_before=self.start, life=2 * YEAR)
        self.ra = self.issuer.sign(self.issuer.compose(template, "01" * 19))
        self.profile, self.mint = Profiles.parse(POLICY).profiles["device"], Mint(Fernet.generate_key())
        self.store, self.fleet = MemoryStore(), Fleet(self.ra)
        self.service = self._make_service()
        self.run([self.prepare(-1)])
        for claim, record in copies(*self.first(), stored - 1):
            self.store.claim(claim)
            self.store.commit(record)

    def prepare(self, number: int) -> bytes:
        """The PKCSReq of device `number` with its own challenge."""
        return self.fleet.prepare(number, self.mint.challenge(self.fleet, number)).message

    def run(self, messages: Sequence[bytes]) -> None:
        """Serve the messages, one after the other."""
        for message in messages:
            self.service.pki_operation(message, self.profile, now=now())

    def first(self) -> tuple[Claim, CertificateRecord]:
        """What is on record of the only certificate there is."""
        record = next(self.store.records(self.issuer.id))
        return next(self.store.owned_by(record.owner)), record

    def _make_issuer(self, algorithm: str) -> Issuer:
        root_key, base_url = software.generate(algorithm), "http://pki.example.org"
        root_name = Name.build([("CN", "Root")])
        root = hierarchy.self_signed_root(root_key, root_name, not_before=self.start, life=9 * YEAR)
        certificate = hierarchy.subordinate(
            root,
            root_key,
            spki=public_key_info(self.ca_key),
            subject=Name.build([("CN", "Issuing")]),
            not_before=self.start,
            life=5 * YEAR,
            base_url=base_url,
        )
        return Issuer(certificate, (root,), self.ca_key, base_url)

    def _make_service(self) -> SCEPService:
        authority, renewals = CertificateAuthority(self.issuer, self.store), Renewals(self.issuer, self.store)
        approvals = Approvals(MemoryPendingRequests(), authority, renewals, DAY)
        validators, crls = {"sealed": self.mint.sealed}, PublishedCRLs(MemoryPublicationStore)
        return SCEPService(
            issuers=self.issuer,
            ra=RegistrationAuthority(lambda: [RAIdentity(self.ra, self.ra_key, self.start)]),
            enrolment=Enrolment(authority, validators, renewals, approvals, self.store, DAY),
            approvals=approvals,
            retrieval=Retrieval(self.issuer, self.store, renewals, crls),
        )


def copies(claim: Claim, record: CertificateRecord, count: int) -> Iterator[tuple[Claim, CertificateRecord]]:
    """Rows of `count` further certificates, each with a serial of its own, ten to a device."""
    for number in range(count):
        serial, device = make_serial(record.not_after, secrets.token_bytes), f"stored-{number // 10}"
        owner, identity = f"device:{device}", secrets.token_hex(16)
        yield (
            replace(claim, serial=serial, owner=owner, identity=identity),
            replace(record, serial=serial, owner=owner, identity=identity, device=device),
        )
