"""PENDING and CertPoll (RFC 8894 3.3.3): a request that passed challenge and policy waits for an administrator, or
for an outside CA that takes its time.

It is issued at the first message about it after its approval, under the identity of the order it came with, so that
whoever repeats gets the same certificate. What is issued is what is on record, whatever the message says.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from shared.asn1 import writer
from shared.asn1.reader import read_der
from shared.ca.authority import Issued, Order
from shared.ca.ports import IssuingAuthority
from shared.errors import ChallengeRejected, Conflict, IssuancePending, PolicyViolation, UnknownCertificate
from shared.policy.authorization import period
from shared.policy.profile import Profile
from shared.scep.exchange import Exchange
from shared.scep.ports import RequestSeal
from shared.scep.renewal import Renewals
from shared.store.pending import Decision, PendingRequest, PendingRequests, Verdict, request_id
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import Extension, parse_extensions
from shared.x509.names import Name

log = logging.getLogger("scepter.scep")

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Approvals:
    """The device's side: to submit a request, and to ask what became of it.

    `outside` names the CAs of others, which have to see the device's own request when its time comes; `seal` makes of
    it what may lie in storage, None if there are no such CAs.
    """

    requests: PendingRequests
    authority: IssuingAuthority
    renewals: Renewals
    backdate: timedelta
    seal: RequestSeal | None = None
    outside: Collection[str] = ()

    def may_wait(self, profile: Profile) -> bool:
        """Whether a request of that profile may have been put on record."""
        return profile.approval or profile.ca in self.outside

    def submit(
        self, exchange: Exchange, template: CertificateTemplate, order: Order
    ) -> Issued | PendingRequest:
        """Put a request on record, or tell what became of it if it is there.

        Raises ChallengeRejected (its challenge waits with another key), PolicyViolation (it was denied), and what
        issuing raises.
        """
        request = self._compose(exchange, template, order)
        with exchange.timeline.step("wait"):
            found = self.requests.find(request.id)
        for _ in range(_TRIES):
            if found is not None and not _is_obsolete(found, request, exchange):
                return self._settle(exchange, found)
            if found is not None:
                self.requests.forget(found)
            issued = self._served_before(exchange, template, order)
            if issued is not None:
                return issued
            try:
                self.requests.create(request)
            except Conflict:
                found = self._in_the_way(request)
            else:
                log.info("transaction %s request %s waits", exchange.transaction_id, request.id)
                return request
        raise Conflict("create: others keep submitting the same request")

    def await_issuer(self, exchange: Exchange, template: CertificateTemplate, order: Order) -> PendingRequest:
        """Put on record a request that the outside CA has taken and not answered: whoever polls has it asked again.

        Raises Conflict, StoreUnavailable.
        """
        asked = Verdict(Decision.APPROVED, f"CA {exchange.profile.ca}", exchange.now)
        request = replace(self._compose(exchange, template, order), verdict=asked)
        with exchange.timeline.step("wait"):
            for _ in range(_TRIES):
                try:
                    self.requests.create(request)
                except Conflict:
                    found = self._in_the_way(request)
                    if found is not None and not _is_obsolete(found, request, exchange):
                        return found
                    if found is not None:
                        self.requests.forget(found)
                else:
                    log.info("transaction %s waits for CA %s", exchange.transaction_id, exchange.profile.ca)
                    return request
        raise Conflict("create: others keep submitting the same request")

    def resume(self, exchange: Exchange, order: Order, key_hash: str) -> Issued | PendingRequest | None:
        """What became of the request of this order and key, None if none is on record. Raises as `submit`."""
        with exchange.timeline.step("wait"):
            holder = self.requests.holder(order.profile, order.identity)
            request = self.requests.find(holder) if holder else None
        if request is None or exchange.now >= request.ends_at or request.key_hash != key_hash:
            return None
        return self._settle(exchange, request)

    def poll(self, exchange: Exchange) -> Issued | PendingRequest:
        """CertPoll: known by its transaction and its signer's key, whatever its content says. Raises as `submit`;
        UnknownCertificate when no such request waits."""
        exchange.address()
        identifier = request_id(exchange.profile.name, exchange.transaction_id, exchange.signer.key_hash)
        with exchange.timeline.step("wait"):
            request = self.requests.find(identifier)
        if request is None or exchange.now >= request.ends_at:
            raise UnknownCertificate(
                "poll: no request of this transaction and key is on record",
                public="No request of this transaction and key is waiting.",
            )
        exchange.timeline.note("subject", Name.from_der(request.subject).text())
        return self._settle(exchange, request)

    def _served_before(
        self, exchange: Exchange, template: CertificateTemplate, order: Order
    ) -> Issued | None:
        """What the order got before its request was forgotten: nobody need decide on that again."""
        key_hash = sha256(template.spki).hexdigest()
        return self.authority.find_repeat(
            order, subject=template.subject, key_hash=key_hash, now=exchange.now
        )

    def _in_the_way(self, request: PendingRequest) -> PendingRequest | None:
        """What keeps a request from being put on record: the same one, or one that has its identity."""
        found = self.requests.find(request.id)
        if found is None:
            holder = self.requests.holder(request.profile, request.identity)
            found = self.requests.find(holder) if holder else None
        return found

    def _settle(self, exchange: Exchange, request: PendingRequest) -> Issued | PendingRequest:
        if request.verdict is None:
            return request
        if request.verdict.decision is Decision.DENIED:
            raise PolicyViolation(
                f"request {request.id} was denied by {request.verdict.by}",
                public="The request was not approved.",
            )
        self._check_signer(exchange, request)
        order = self._order(request)
        exchange.timeline.note("device", order.device)
        exchange.timeline.note("user", order.user)
        try:
            with exchange.timeline.step("issue"):
                template = _template(request, exchange, self.backdate)
                return self.authority.issue(template, order, now=exchange.now)
        except IssuancePending:
            return request

    def _order(self, request: PendingRequest) -> Order:
        """With the device's own request where an outside CA has to see it. Raises MalformedMessage."""
        if self.seal is None or not request.sealed_request:
            return order_of(request)
        return replace(order_of(request), request=self.seal.open(request.sealed_request))

    def _compose(self, exchange: Exchange, template: CertificateTemplate, order: Order) -> PendingRequest:
        return PendingRequest(
            profile=exchange.profile.name,
            transaction_id=exchange.transaction_id,
            signer_key_hash=exchange.signer.key_hash,
            identity=order.identity,
            vouched_by=order.vouched_by,
            subject=template.subject.encoded,
            spki=template.spki,
            extensions=writer.sequence(*(extension.encoded for extension in template.extensions)),
            life=template.not_after - template.not_before,
            requested_at=exchange.now,
            patience=exchange.profile.patience,
            device=order.device,
            user=order.user,
            challenge_minted_at=order.challenge_minted_at,
            predecessor=order.predecessor,
            sealed_request=self._sealed(exchange.profile, order),
        )

    def _sealed(self, profile: Profile, order: Order) -> bytes:
        return self.seal.seal(order.request) if self.seal and profile.ca in self.outside else b""

    def _check_signer(self, exchange: Exchange, request: PendingRequest) -> None:
        """A certificate that spoke for another key than its own must be good to this day."""
        own_key = exchange.signer.key_hash == request.key_hash
        if not own_key and self.renewals.find_live(exchange.signer, exchange.now) is None:
            raise UnknownCertificate(f"signer {exchange.signer.serial_hex} is not a live certificate of ours")


def _is_obsolete(found: PendingRequest, request: PendingRequest, exchange: Exchange) -> bool:
    """Whether `found` may go: it is over, or of an earlier challenge, and this key's holder has shown a fresh one.

    Raises ChallengeRejected if it waits for another key under the same challenge.
    """
    if exchange.now >= found.ends_at or found.identity != request.identity:
        return True
    if found.key_hash != request.key_hash:
        raise ChallengeRejected(f"replay: identity {request.identity} waits with another key")
    return False


def order_of(request: PendingRequest) -> Order:
    """The order to issue an approved request under; whoever approved goes on record beside whoever vouched."""
    approval = f" approved:{request.verdict.by}" if request.verdict else ""
    return Order(
        identity=request.identity,
        profile=request.profile,
        vouched_by=f"{request.vouched_by}{approval}",
        device=request.device,
        user=request.user,
        predecessor=request.predecessor,
        challenge_minted_at=request.challenge_minted_at,
    )


def _template(request: PendingRequest, exchange: Exchange, backdate: timedelta) -> CertificateTemplate:
    """What was asked for, its life counted from now."""
    not_before, not_after = period(exchange.now, backdate, request.life)
    stored = parse_extensions(read_der(request.extensions))
    return CertificateTemplate(
        subject=Name.from_der(request.subject),
        spki=request.spki,
        not_before=not_before,
        not_after=not_after,
        extensions=tuple(Extension(oid, critical, value) for oid, (critical, value) in stored.items()),
    )
