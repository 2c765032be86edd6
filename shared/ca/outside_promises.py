"""An outside CA for keys that are made here: claim, certificate and record as steps of their own, as a PFX needs them.

The key lives in one call only. So an outside CA that wants to be asked again is refused here, and what was issued to an
attempt that died has no key any more: its note stays, an orphan to be revoked there.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from shared.asn1 import oids, writer
from shared.ca.acceptance import accept
from shared.ca.authority import Order, record_of
from shared.ca.issuers import CAIdentity
from shared.ca.outside import OutsideAuthority, asking_claim
from shared.errors import ChallengeRejected, Conflict, IssuanceFault, IssuancePending, PolicyViolation
from shared.keys.ports import SigningKey
from shared.keys.signatures import sign, signature_algorithm
from shared.store.ports import CertificateRecord, Claim
from shared.store.submissions import Submission
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, parse_tbs


def request_of(template: CertificateTemplate, key: SigningKey) -> bytes:
    """The certification request (RFC 2986, DER) of a key that was made here, for what `template` says."""
    extensions = writer.sequence(*(each.encoded for each in template.extensions))
    asked = writer.sequence(writer.oid(oids.EXTENSION_REQUEST), writer.set_of([extensions]))
    attributes = writer.context(0, asked)
    info = writer.sequence(writer.integer(0), template.subject.encoded, template.spki, attributes)
    return writer.sequence(info, signature_algorithm(key), writer.bit_string(sign(key, info)))


class OutsidePromises(OutsideAuthority):
    """As our own authority promises, signs and puts on record, except that a promise is the certificate already."""

    def promise(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Claim:
        """Ask for a certificate and claim it for `order`. Raises as `issue`; Conflict if another is at this order."""
        asking = asking_claim(self.issuer.id, template, order, now)
        try:
            self._store.claim(asking)
        except Conflict:
            self._wait_for(asking, now)
        identifier = _note_of(asking.owner, order.identity, asking.key_hash)
        submission = self._note(identifier, template, asking, now)
        certificate = self._certificate(template, order, submission)
        try:
            accept(certificate, template, self.issuer.certificate, now)
        except IssuanceFault as fault:
            self._never_give(certificate, asking, submission, fault.reason)
            raise PolicyViolation(fault.reason, public="The issuing CA gave another certificate.") from fault
        claim = replace(
            asking,
            owner=submission.owner,
            serial=certificate.serial_hex,
            tbs=certificate.tbs,
            signature=certificate.signature,
        )
        self._store.claim(claim)
        return claim

    def sign(self, claim: Claim) -> Certificate:
        """The certificate that came with the promise."""
        algorithm = parse_tbs(claim.tbs).signature_algorithm
        return Certificate.from_slice(assemble(claim.tbs, algorithm, claim.signature))

    def promiser(self, claim: Claim) -> CAIdentity:
        """The outside CA. Raises ChallengeRejected for a promise of another one."""
        if claim.issuer != self.issuer.id:
            raise ChallengeRejected("claimed under another CA than the profile names now, and never finished")
        return self.issuer

    def put_on_record(
        self, claim: Claim, certificate: Certificate, order: Order, *, now: datetime
    ) -> CertificateRecord:
        """Commit it, or what stands there if somebody was first; its note is forgotten."""
        for owner in order.owners(certificate.subject)[1:]:
            self._store.link(owner, claim)
        record = record_of(claim, certificate, order, now)
        try:
            self._store.commit(record)
        except Conflict:
            standing = self._store.find(claim.issuer, claim.serial)
            if standing is None:
                raise
            record = standing
        noted = self._submissions.find(
            self.issuer.id, _note_of(f"outside:{claim.owner}", claim.identity, claim.key_hash)
        )
        if noted is not None:
            self._forget(noted)
        return record

    def _certificate(
        self, template: CertificateTemplate, order: Order, submission: Submission
    ) -> Certificate:
        try:
            return self._answer(template, order, submission)
        except IssuancePending as pending:
            self._forget(submission)
            reason = f"{pending.reason}; a key that is made here cannot wait for that"
            raise PolicyViolation(reason, public="The issuing CA does not issue at once.") from pending

    def _wait_for(self, asking: Claim, now: datetime) -> None:
        """Raises Conflict while whoever claimed first may still be at it; after that its key is gone."""
        first = self._store.find_claim(asking.owner, asking.identity)
        if first is None or now - first.claimed_at < self._patience + timedelta(seconds=1):
            raise Conflict(f"identity {asking.identity} is being asked for")


def _note_of(owner: str, identity: str, key_hash: str) -> str:
    return hashlib.sha256("\0".join((owner, identity, key_hash)).encode()).hexdigest()[:32]
