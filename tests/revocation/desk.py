"""An OCSP responder over a CA of two tiers in memory, with clocks to move; and asking it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.x509 import ocsp

from shared.ca.authority import CertificateAuthority
from shared.ca.responder_identity import make_identity
from shared.ca.responding import DelegatedResponder
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.responder import Authority, Lives, OCSPResponder, OCSPResponse
from shared.revocation.service import RevocationService
from shared.revocation.standing import RecordedStanding, RootStanding
from shared.store.memory import MemoryQueue, MemoryStore
from shared.store.ports import CertificateRecord
from shared.x509.certificate import Certificate
from shared.x509.crl import RevokedEntry, build_crl
from shared.x509.ocsp import CertID, OCSPRequest
from tests.ca.responders import Shelf
from tests.ca.stores import WatchedStore, order, template
from tests.ca.tiers import hierarchy_of
from tests.scep.authority import DAY, NOW

USUAL, PASSING = timedelta(hours=1), timedelta(minutes=5)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


class Desk:
    """`now` and `ticks` are the time of everything in here; `root_crl` what stands of the root's.

    `reads` counts the records read, `made` how often the CA's key has signed a responder.
    """

    def __init__(self, store: MemoryStore | None = None, *, good_seconds: float = 1) -> None:
        tiers = hierarchy_of("p-256")
        self.root, self.issuer = tiers.root, tiers.issuer
        self.now, self.ticks, self.made, self.issued = NOW, 0.0, 0, 0
        self.store = store or MemoryStore()
        self.watched = WatchedStore(self.store)
        self.shelf, self.root_shelf = Shelf(), Shelf([tiers.root_responder])
        self.root_crl: bytes | None = tiers.root_crl
        self.revocations = RevocationService(
            self.store, CRLRequests(MemoryQueue(), lambda: self.now), lambda: self.now
        )
        records: Any = self.watched
        self.standing = RecordedStanding(
            self.issuer.id, records, good_seconds=good_seconds, ticks=lambda: self.ticks
        )
        self.responder = OCSPResponder(
            [
                Authority(
                    DelegatedResponder(self.issuer.certificate, self.shelf, self.store, self._make),
                    self.standing,
                ),
                Authority(
                    DelegatedResponder(self.root, self.root_shelf, self.store, make=None),
                    RootStanding(self.root, lambda: self.root_crl, self._issued_by_root),
                ),
            ],
            Lives(USUAL, PASSING),
        )

    @property
    def reads(self) -> int:
        return Counter(self.watched.calls)["find"]

    def issue(self) -> CertificateRecord:
        """A fresh certificate on record."""
        self.issued += 1
        authority = CertificateAuthority(self.issuer, self.store)
        return authority.issue(template(), order(f"challenge-{self.issued}"), now=self.now).record

    def revoke(self, record: CertificateRecord, reason: str = "keyCompromise") -> CertificateRecord:
        return self.revocations.revoke(record.issuer, record.serial, reason, by="tests")

    def revoke_ca(self, certificate: Certificate, at: datetime) -> None:
        """The root's next CRL has the certificate of a CA on it."""
        self.root_crl = build_crl(
            issuer_certificate=self.root,
            signing_key=hierarchy_of("p-256").root_key,
            entries=[RevokedEntry(certificate.serial_hex, at, "cACompromise")],
            number=int(NOW.timestamp()) + 1,
            this_update=at,
            next_update=at + 365 * DAY,
            next_publish=None,
        )

    def ask(self, *serials: str, nonce: bytes | None = None, digest: str = "sha256") -> Answer:
        """Of the issuing CA's certificates."""
        return self.ask_of(self.issuer.certificate, *serials, nonce=nonce, digest=digest)

    def ask_of(
        self, issuer: Certificate, *serials: str, nonce: bytes | None = None, digest: str = "sha1"
    ) -> Answer:
        asked = tuple(CertID.of(issuer, int(serial, 16), digest) for serial in serials)
        return self.send(OCSPRequest(asked, nonce).encoded)

    def send(self, message: bytes) -> Answer:
        return Answer(self.responder.answer(message, self.now))

    def _make(self, now: datetime) -> Any:
        self.made += 1
        return make_identity(self.issuer, now=now, backdate=DAY)

    def _issued_by_root(self) -> Sequence[Certificate]:
        return [self.root, self.issuer.certificate, hierarchy_of("p-256").root_responder.certificate]


class Answer:
    """What came back, as the library reads it."""

    def __init__(self, response: OCSPResponse) -> None:
        self.response, self.der = response, response.der
        self.read = ocsp.load_der_ocsp_response(response.der)
        self.error = self.read.response_status.name if response.der[4] else ""

    @property
    def singles(self) -> list[ocsp.OCSPSingleResponse]:
        return list(self.read.responses)

    @property
    def states(self) -> list[str]:
        return [each.certificate_status.name.lower() for each in self.singles]

    @property
    def state(self) -> str:
        (state,) = self.states
        return state

    @property
    def ends(self) -> list[timedelta | None]:
        """From producedAt to each nextUpdate."""
        produced, ends = self.read.produced_at_utc, [each.next_update_utc for each in self.singles]
        return [end - produced if end else None for end in ends]
