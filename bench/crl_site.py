"""A CA in memory whose CRL has any number of entries, and which counts what publishing asks for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec

from shared.ca import hierarchy
from shared.ca.issuer import Issuer
from shared.ca.signing import Buffer
from shared.keys.ports import public_key_info
from shared.revocation.labels import Label, Ledger
from shared.revocation.publication import CRLPublisher
from shared.revocation.scopes import CRLPlan
from shared.store.memory import MemoryPublicationStore, MemoryStore
from shared.store.ports import PublicationStore, PublishedObject, Revocation, RevocationChange
from shared.x509.crl_entry import RevokedEntry
from shared.x509.crl_list import EntryList
from shared.x509.crl_template import CRLTemplate, compose_crl, sign_crl
from shared.x509.names import Name

URL = "http://pki.example.org"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
_FIRST = 0x2700 << 136  # serials of certificates that end in 2027, the first of a day
_YEAR = 365 << 136
_REASONS = ("keyCompromise", "cessationOfOperation", "superseded")


class CountingKey(ec.EllipticCurvePrivateKey):
    """A key of P-256 that counts its signatures and does nothing else."""

    def __init__(self) -> None:
        self._key, self.signatures = ec.generate_private_key(ec.SECP256R1()), 0

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        self.signatures += 1
        return self._key.sign(data, signature_algorithm)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._key.curve

    @property
    def key_size(self) -> int:
        return self._key.key_size

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("this key signs")

    exchange = private_bytes = private_numbers = __copy__ = __deepcopy__ = _refuse


class CountingStore(MemoryStore):
    """Counts the rows that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.rows_read = 0

    def changes(self, issuer: str, since: datetime) -> Iterator[RevocationChange]:
        for change in super().changes(issuer, since):
            self.rows_read += 1
            yield change

    def revoked(self, issuer: str) -> Iterator[tuple[str, Revocation]]:
        for found in super().revoked(issuer):
            self.rows_read += 1
            yield found


class CountingPublications:
    """Counts the blobs that are put."""

    def __init__(self, store: PublicationStore) -> None:
        self._store, self.puts = store, 0
        self.read, self.stat = store.read, store.stat

    def put(self, name: str, data: bytes, **named: Any) -> None:  # noqa: ANN401 - as the store's own
        self.puts += 1
        self._store.put(name, data, **named)


class CRLSite:
    """A full CRL of `size` entries stands published, and with `shards` or `deltas` the whole set."""

    def __init__(
        self, size: int, *, shards: int = 0, deltas: bool = False, over: PublicationStore | None = None
    ) -> None:
        self.now = START
        self.key, self.store = CountingKey(), CountingStore()
        self.publications = CountingPublications(over or MemoryPublicationStore())
        self.issuer = _issuer(self.key)
        plan = CRLPlan(3 * DAY, DAY if deltas else None, shards)
        self.publisher = CRLPublisher(self.issuer, self.store, self.publications, plan, lambda: self.now)
        self._seed(size)
        if shards or deltas:
            self.publisher.publish()
        self.now += 90 * MINUTE
        self.forget()

    def forget(self) -> None:
        """Count from here."""
        self.key.signatures = self.store.rows_read = self.publications.puts = 0

    def revoke(self, count: int) -> list[str]:
        """Change rows of `count` certificates; their serial numbers. Time goes on by a minute."""
        serials = [f"{_FIRST + random.randrange(_YEAR):038x}" for _ in range(count)]
        for serial in serials:
            revocation = Revocation("keyCompromise", self.now, "bench")
            self.store.note_change(RevocationChange(self.issuer.id, serial, self.now, revocation))
        self.now += MINUTE
        return serials

    def full(self) -> PublishedObject:
        """The full CRL that stands."""
        found = self.publications.read(self.publisher.name)
        assert found is not None
        return found

    def _seed(self, size: int) -> None:
        data = bytearray()
        for number in range(size):  # ascending, spread over a year, and never all in memory as values
            serial = _FIRST + number * (_YEAR // size) + random.randrange(_YEAR // size)
            data += RevokedEntry(f"{serial:038x}", START - DAY, _REASONS[number % 3]).to_der()
        template = CRLTemplate(
            number=int(START.timestamp()), this_update=START - 10 * MINUTE, next_update=START + 3 * DAY
        )
        tbs = compose_crl(
            template,
            EntryList(bytes(data), 0, len(data)),
            issuer=self.issuer.certificate,
            algorithm=self.issuer.algorithm,
        )
        der = sign_crl(tbs, self.issuer.key, self.issuer.algorithm)
        label = Label(template.number, template.this_update, template.next_update, size)
        metadata = label.metadata() | Ledger(START, template.this_update).metadata()
        self.publications.put(self.publisher.name, der, content_type="x", max_age=1, metadata=metadata)


def _issuer(key: CountingKey) -> Issuer:
    root_key, start = ec.generate_private_key(ec.SECP256R1()), START - 30 * DAY
    root = hierarchy.self_signed_root(
        root_key, Name.build([("CN", "Root")]), not_before=start, life=7000 * DAY
    )
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(key),
        subject=Name.build([("O", "Example"), ("CN", "Issuing")]),
        not_before=start,
        life=1800 * DAY,
        base_url=URL,
    )
    return Issuer(issuing, (root,), key, URL)
