"""Issuing: claim, sign, commit. Two storage calls and one CA-key signature for a device, one call more for a user.

A claim stores the complete TBSCertificate before it is signed, so whoever repeats a request (a client's retry, a
worker after a crash, two workers at once) can finish it: same bytes, same serial, and the insert of the record
decides. Nothing leaves that is not on record.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.ca.issuer import Issuer
from shared.ca.issuers import Issuers
from shared.errors import ChallengeRejected, Conflict, IssuanceFault
from shared.store.ports import CertificateRecord, CertificateStore, Claim, Status
from shared.x509.certificate import Certificate, CertificateTemplate, parse_tbs
from shared.x509.names import Name
from shared.x509.serial import make_serial

REPEAT_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Order:
    """Who gets a certificate and on whose word. `identity` makes repeats of one request recognisable.

    `device` and `user` are ids (empty if unknown); `predecessor` is the serial that a renewal replaces. `request` is
    the certification request (DER) as it was received, for an outside CA: ours do without.
    """

    identity: str
    profile: str
    vouched_by: str
    device: str = ""
    user: str = ""
    predecessor: str = ""
    challenge_minted_at: datetime | None = None
    request: bytes = field(default=b"", repr=False, compare=False)

    def owners(self, subject: Name) -> tuple[str, ...]:
        """The owners to index under: the device, the user, or the subject when neither is known.

        The subject by its meaning: spelt in other string types it is the same owner, so that one identity cannot
        be claimed twice.
        """
        owners = []
        if self.device:
            owners.append(f"device:{self.device.lower()}")
        if self.user:
            owners.append(f"user:{self.user.lower()}")
        return tuple(owners) or (f"subject:{_digest_of_meaning(subject)}",)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate on record; `repeated` when the same request was served before."""

    certificate: Certificate
    record: CertificateRecord
    repeated: bool


class CertificateAuthority:
    """Issues under the CA of the order's profile, and finishes what another one promised. `random(n)` gives n random
    octets."""

    def __init__(
        self, issuers: Issuers, store: CertificateStore, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self.issuers = issuers
        self._store = store
        self._random = random

    def issue(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Issued:
        """Issue `template`, or return what this very order got before.

        Raises ChallengeRejected (the order was used with another key, or its certificate is revoked or older than
        24 h), StoreUnavailable, KeyUnavailable, Conflict, IssuanceFault.
        """
        claim = self._compose_claim(template, order, now)
        try:
            self._store.claim(claim)
        except Conflict:
            return self._repeat(claim, order, now)
        return self._complete(claim, order, now)

    def find_repeat(self, order: Order, *, subject: Name, key_hash: str, now: datetime) -> Issued | None:
        """What this order got before, by one point read, or None if it never was served."""
        claim = self.find_claim(order, subject)
        return None if claim is None else self._resume(claim, key_hash, order, now)

    def promise(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Claim:
        """Claim for `order`, and nothing more: for whoever has to deliver between the signature and the record.

        Raises Conflict if the order was claimed before, StoreUnavailable, IssuanceFault.
        """
        claim = self._compose_claim(template, order, now)
        self._store.claim(claim)
        return claim

    def sign(self, claim: Claim) -> Certificate:
        """The certificate that a claim promises; nobody knows of it yet. Raises KeyUnavailable, IssuanceFault."""
        return self.promiser(claim).sign(claim.tbs)

    def put_on_record(
        self, claim: Claim, certificate: Certificate, order: Order, *, now: datetime
    ) -> CertificateRecord:
        """Commit what `sign` gave; the record that stands there if somebody was first, whatever its status.

        Raises IssuanceFault for a certificate that is not the claim's, StoreUnavailable, Conflict.
        """
        if certificate.tbs != claim.tbs:
            raise IssuanceFault(f"not the certificate that was promised as {claim.serial}")
        for owner in order.owners(certificate.subject)[1:]:
            self._store.link(owner, claim)
        record = record_of(claim, certificate, order, now)
        try:
            self._store.commit(record)
        except Conflict:
            standing = self._store.find(claim.issuer, claim.serial)
            if standing is None:
                raise
            return standing
        return record

    def find_claim(self, order: Order, subject: Name) -> Claim | None:
        """What was promised to this order, by one point read."""
        return self._store.find_claim(order.owners(subject)[0], order.identity)

    def _compose_claim(self, template: CertificateTemplate, order: Order, now: datetime) -> Claim:
        issuer = self.issuers.issuing(order.profile, now)
        if now >= issuer.certificate.not_after:
            raise IssuanceFault("the CA certificate has ended; its successor has to issue")
        if self.issuers.is_revoked(issuer.id):
            raise IssuanceFault("the root has revoked the CA certificate; its successor has to take over")
        serial = make_serial(issuer.bound(template.not_after), self._random)
        return Claim(
            owner=order.owners(template.subject)[0],
            identity=order.identity,
            issuer=issuer.id,
            serial=serial,
            tbs=issuer.compose(template, serial),
            key_hash=hashlib.sha256(template.spki).hexdigest(),
            claimed_at=now,
            profile=order.profile,
            vouched_by=order.vouched_by,
            challenge_minted_at=order.challenge_minted_at,
        )

    def _repeat(self, claim: Claim, order: Order, now: datetime) -> Issued:
        first = self._store.find_claim(claim.owner, claim.identity)
        if first is None:
            raise Conflict("a claim was there and is gone")
        return self._resume(first, claim.key_hash, order, now)

    def _resume(self, claim: Claim, key_hash: str, order: Order, now: datetime) -> Issued:
        if claim.key_hash != key_hash:
            raise ChallengeRejected(f"replay: identity {order.identity} was claimed with another key")
        record = self._store.find(claim.issuer, claim.serial)
        if record is not None:
            return answer_again(record, now)
        if now - claim.claimed_at > REPEAT_WINDOW:
            raise ChallengeRejected("claimed too long ago, and never finished")
        return self._complete(claim, order, now)

    def _complete(self, claim: Claim, order: Order, now: datetime) -> Issued:
        certificate = self.sign(claim)
        record = self.put_on_record(claim, certificate, order, now=now)
        if record.etag:  # it was read: somebody was first
            return answer_again(record, now)
        return Issued(certificate, record, repeated=False)

    def promiser(self, claim: Claim) -> Issuer:
        """Who is named in what was promised, who need not be the one that issues by now.

        Raises ChallengeRejected if it is no more or revoked, KeyUnavailable, IssuanceFault.
        """
        if self.issuers.is_revoked(claim.issuer):
            raise ChallengeRejected("claimed under a CA that its root has revoked, and never finished")
        issuer = self.issuers.find(claim.issuer)
        if issuer is None:
            raise ChallengeRejected("claimed under a CA that is no more, and never finished")
        return issuer


def _digest_of_meaning(subject: Name) -> str:
    return hashlib.sha256(repr(subject.meaning()).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def record_of(claim: Claim, certificate: Certificate, order: Order, now: datetime) -> CertificateRecord:
    """The record of a signed claim: who, what and why."""
    return CertificateRecord(
        issuer=claim.issuer,
        serial=claim.serial,
        certificate=certificate.der,
        owner=claim.owner,
        identity=claim.identity,
        profile=claim.profile,
        vouched_by=claim.vouched_by,
        subject=certificate.subject.text(),
        sans=tuple(name.text() for name in certificate.sans),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        issued_at=now,
        key_hash=claim.key_hash,
        device=order.device,
        user=order.user,
        predecessor=order.predecessor,
        challenge_minted_at=claim.challenge_minted_at,
    )


def unsigned_record(claim: Claim, now: datetime) -> CertificateRecord:
    """The record of a claim that is revoked before it was signed: an enrolment in flight then loses its commit."""
    promised = parse_tbs(claim.tbs)
    return CertificateRecord(
        issuer=claim.issuer,
        serial=claim.serial,
        certificate=None,
        owner=claim.owner,
        identity=claim.identity,
        profile=claim.profile,
        vouched_by=claim.vouched_by,
        subject=promised.subject.text(),
        not_before=promised.not_before,
        not_after=promised.not_after,
        issued_at=now,
        key_hash=claim.key_hash,
        challenge_minted_at=claim.challenge_minted_at,
    )


def answer_again(record: CertificateRecord, now: datetime) -> Issued:
    """What is on record, for a request that was served. Raises ChallengeRejected if it is revoked or over 24 h old."""
    if record.status is not Status.GOOD or record.certificate is None:
        raise ChallengeRejected(f"the certificate {record.serial} of this request is {record.status.value}")
    if now - record.issued_at > REPEAT_WINDOW:
        raise ChallengeRejected(f"replay: certificate {record.serial} of this request is older than 24 h")
    return Issued(Certificate.from_der(record.certificate), record, repeated=True)
