"""From an order to a certificate on record, in attempts: each claims a serial of its own, for its key dies with it.

claim - sign and seal in memory - delivery - record. The delivery decides between attempts: its id is taken once, and
only the certificate that lies in it ever goes on record. docs/pkcs.md has the reasoning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from shared.ca.authority import Order
from shared.ca.issuers import CAIdentity
from shared.ca.ports import Promising
from shared.errors import ChallengeRejected, Conflict, IssuanceFault, PolicyViolation, RequestError
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.pfx.checking import Wanted
from shared.pfx.deliveries import Deliveries
from shared.pfx.package import Package, certificate_in
from shared.pfx.pkcs12 import build_pfx, fresh_password
from shared.pfx.recipients import MADE_HERE
from shared.pfx.sealing import Recipient, seal
from shared.policy.authorization import MadeHere
from shared.policy.pkcs import SealingForm
from shared.store.deliveries import Delivery
from shared.store.ports import CertificateRecord, CertificateStore, Claim, Status
from shared.x509.certificate import Certificate, CertificateTemplate, verify_signature
from shared.x509.names import Name

log = logging.getLogger("scepter.pkcs")

KIND: Final = "pkcs"
MOST_ATTEMPTS: Final = 40
ATTEMPT_LIFE: Final = timedelta(minutes=10)
"""Beyond it an attempt gives itself up before it delivers. The platform ends every call sooner."""
_NOBODY: Final = Name.build([])


@dataclass(frozen=True, slots=True)
class Job:
    """What an order is to the CA. `requested_at` counts as the time of its challenge: events go by it."""

    caller: str
    id: str
    profile: str
    device: str
    user: str
    requested_at: datetime

    @property
    def delivery(self) -> str:
        """The id of its delivery: the same for every attempt, and nobody else's."""
        return f"{KIND}-{sha256(f'{self.caller}/{self.id}'.encode()).hexdigest()[:40]}"

    def order(self, attempt: int) -> Order:
        """The attempt as the CA knows it."""
        return Order(
            identity=f"{KIND}:{self.caller}:{self.id}:{attempt}",
            profile=self.profile,
            vouched_by=f"{MADE_HERE}{self.caller}",
            device=self.device,
            user=self.user,
            challenge_minted_at=self.requested_at,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What earlier attempts have left: their claims, in order, and the record of one of them if there is one."""

    claims: tuple[Claim, ...] = ()
    record: CertificateRecord | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """`backdate` is how far notBefore lies in the past; keys come from `make_key`, by a profile's name for their kind,
    and passwords from `make_password`. Where the CA is an outside one, `request` makes what it is asked with."""

    authority: Promising
    records: CertificateStore
    deliveries: Deliveries
    backdate: timedelta
    clock: Callable[[], datetime]
    make_key: Callable[[str], SigningKey] = lambda kind: software.generate(kind.lower())
    make_password: Callable[[], str] = fresh_password
    request: Callable[[CertificateTemplate, SigningKey], bytes] | None = None

    def standing(self, job: Job) -> Standing:
        """How far the job has come. Raises StoreUnavailable, IssuanceFault."""
        claims: list[Claim] = []
        for attempt in range(1, MOST_ATTEMPTS + 1):
            claim = self.authority.find_claim(job.order(attempt), _NOBODY)
            if claim is None:
                return Standing(tuple(claims))
            claims.append(claim)
            record = self.records.find(claim.issuer, claim.serial)
            if record is not None:
                return Standing(tuple(claims), record)
        raise IssuanceFault(
            f"order {job.id} of {job.caller} was begun {MOST_ATTEMPTS} times and never finished"
        )

    def resume(self, job: Job, standing: Standing) -> CertificateRecord | None:
        """The record of what an earlier attempt has delivered and did not live to record; None if there is nothing."""
        if not standing.claims:
            return None
        delivery = self.deliveries.find(job.delivery)
        return None if delivery is None else self._record_delivered(job, delivery, standing.claims)

    def make(
        self,
        job: Job,
        standing: Standing,
        wanted: Wanted,
        recipient: Recipient,
        forms: tuple[SealingForm, ...],
    ) -> CertificateRecord:
        """The next attempt. The private key and the password exist in this call only, and in what is sealed.

        Raises Conflict if another worker is at the same attempt, PolicyViolation if the certificate was revoked before
        it was on record.
        """
        attempt = len(standing.claims) + 1
        key = self.make_key(wanted.profile.key[0])
        made = MadeHere(wanted.subject, wanted.sans, public_key_info(key))
        now = self.clock()
        template = wanted.profile.authorize_made(
            made, key.public_key(), sid=wanted.sid, now=now, backdate=self.backdate, validity=wanted.validity
        )
        order = job.order(attempt)
        if self.request is not None:
            order = replace(order, request=self.request(template, key))
        claim = self.authority.promise(template, order, now=now)
        certificate = self.authority.sign(claim)
        issuer = self.authority.promiser(claim)
        content = self._package(job, wanted, key, certificate, issuer, recipient, forms)
        del key
        if self.clock() - claim.claimed_at > ATTEMPT_LIFE:
            raise Conflict(
                f"attempt {attempt} of order {job.id} took too long; the next one may be done already"
            )
        try:
            self.deliveries.put(
                job.delivery, content, issuer=claim.issuer, serial=claim.serial, attempt=attempt
            )
        except Conflict:
            return self._yield(job, (*standing.claims, claim))
        return self._record(job, claim, certificate, attempt)

    def _package(
        self,
        job: Job,
        wanted: Wanted,
        key: SigningKey,
        certificate: Certificate,
        issuer: CAIdentity,
        recipient: Recipient,
        forms: tuple[SealingForm, ...],
    ) -> bytes:
        chains = {"leaf": (), "issuer": (issuer.certificate,), "chain": (issuer.certificate, *issuer.chain)}
        profile, password = wanted.profile, self.make_password()
        pfx = build_pfx(
            key,
            certificate,
            chains[profile.reply],
            password=password,
            name=profile.title,
            encoding=wanted.rules.encoding,
        )
        sealed = seal(password.encode("ascii"), recipient, forms)
        package = Package(
            KIND, job.id, profile.name, wanted.rules.encoding, pfx, certificate, sealed, recipient
        )
        return package.to_json()

    def _yield(self, job: Job, claims: tuple[Claim, ...]) -> CertificateRecord:
        """Somebody delivered first, which may be this very attempt by a call that storage could not confirm: what lies
        there goes on record, and the certificate of this attempt, if it is another, is forgotten with its key."""
        delivery = self.deliveries.find(job.delivery)
        if delivery is None:
            raise Conflict(f"the delivery of order {job.id} was there and is gone")
        return self._record_delivered(job, delivery, claims)

    def _record_delivered(self, job: Job, delivery: Delivery, claims: tuple[Claim, ...]) -> CertificateRecord:
        if delivery.over or not 1 <= delivery.attempt <= len(claims):
            raise Conflict(f"the delivery of order {job.id} is further than its claims were: look again")
        claim = claims[delivery.attempt - 1]
        try:
            issuer = self.authority.promiser(claim)
        except ChallengeRejected:
            raise PolicyViolation(
                f"order {job.id} was begun under a CA that is no more: order again, under another id"
            ) from None
        certificate = certificate_in(delivery.content)
        try:
            verify_signature(certificate, issuer.certificate.public_key)
        except RequestError as error:
            raise IssuanceFault(f"delivery {delivery.id} was changed by somebody: {error.reason}") from None
        return self._record(job, claim, certificate, delivery.attempt)

    def _record(self, job: Job, claim: Claim, certificate: Certificate, attempt: int) -> CertificateRecord:
        record = self.authority.put_on_record(claim, certificate, job.order(attempt), now=self.clock())
        if record.status is Status.REVOKED:
            delivery = self.deliveries.find(job.delivery)
            if delivery is not None and not delivery.over:
                self.deliveries.withdraw(delivery)
            raise revoked(record)
        log.info("order %s of %s: serial %s, attempt %d", job.id, job.caller, record.serial, attempt)
        return record


def revoked(record: CertificateRecord) -> PolicyViolation:
    """Of an order whose certificate was revoked, which is its end."""
    reason = f"the certificate {record.serial} of this order is revoked"
    return PolicyViolation(reason, public=f"{reason[0].upper()}{reason[1:]}.")
