"""A responder over records in memory: what is measured in process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from bench.fleet import now
from shared.ca import hierarchy
from shared.ca.issuer import Issuer
from shared.ca.responder_identity import ResponderIdentity, make_identity
from shared.ca.responding import DelegatedResponder
from shared.keys import software
from shared.keys.ports import public_key_info
from shared.revocation.responder import Authority, Lives, OCSPResponder
from shared.revocation.standing import RecordedStanding
from shared.store.memory import MemoryStore
from shared.store.ports import CertificateRecord
from shared.x509.names import Name
from shared.x509.ocsp import CertID, OCSPRequest
from shared.x509.serial import make_serial

YEAR, HOUR = timedelta(days=365), timedelta(hours=1)


def serials(count: int) -> list[int]:
    """Of so many certificates."""
    return [int(make_serial(now() + YEAR, secrets.token_bytes), 16) for _ in range(count)]


def record(issuer: str, serial: int) -> CertificateRecord:
    """A certificate on record, as large as one usually is."""
    start, text = now(), f"{serial:038x}"
    return CertificateRecord(
        issuer=issuer,
        serial=text,
        certificate=secrets.token_bytes(900),
        owner=f"device:{text[-8:]}",
        identity=text,
        profile="device",
        vouched_by="sealed:bench",
        subject="CN=bench",
        not_before=start,
        not_after=start + YEAR,
        issued_at=start,
        key_hash=text,
    )


class Shelf:
    """Identities in memory."""

    def __init__(self) -> None:
        self._identities: list[ResponderIdentity] = []

    def load(self) -> Sequence[ResponderIdentity]:
        return self._identities

    def add(self, identity: ResponderIdentity, _: datetime) -> None:
        self._identities.append(identity)


class World:
    """A CA with `count` certificates on record, and who answers for it. Nothing is remembered."""

    def __init__(self, count: int) -> None:
        self.issuer, self.store = _issuer(), MemoryStore()
        self.serials = serials(count)
        for serial in self.serials:
            self.store.commit(record(self.issuer.id, serial))
        delegated = DelegatedResponder(
            self.issuer.certificate,
            Shelf(),
            self.store,
            lambda moment: make_identity(self.issuer, now=moment, backdate=HOUR),
        )
        standing = RecordedStanding(self.issuer.id, self.store, good_seconds=0, ticks=time.monotonic)
        self.responder = OCSPResponder([Authority(delegated, standing)], Lives(HOUR, HOUR))
        self.identity = delegated.current(now())

    def questions(self, count: int, certificates: int, nonce: bytes | None) -> list[bytes]:
        """About so many certificates each, the next ones each time."""
        found = []
        for number in range(count):
            at = [(number * certificates + each) % len(self.serials) for each in range(certificates)]
            asked = tuple(CertID.of(self.issuer.certificate, self.serials[place]) for place in at)
            found.append(OCSPRequest(asked, nonce).encoded)
        return found


def _issuer() -> Issuer:
    start, base_url = now() - HOUR, "http://pki.example.org"
    root_key, key = software.generate("p-256"), software.generate("p-256")
    root = hierarchy.self_signed_root(root_key, Name.build([("CN", "Root")]), not_before=start, life=9 * YEAR)
    certificate = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(key),
        subject=Name.build([("CN", "Issuing")]),
        not_before=start,
        life=5 * YEAR,
        base_url=base_url,
    )
    return Issuer(certificate, (root,), key, base_url)
