"""A device whose enrolment waits for approval, and the administrator who decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.scep.client import Reply, Requester, issuer_and_subject
from shared.scep.message import FailInfo, MessageType, PKIStatus
from shared.store.pending import Decision, PendingRequest, Verdict
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from tests.scep.authority import World, csr, self_signed

SUBJECT = "CN=dev1,O=Example"
NOT_KNOWN = (FailInfo.BAD_CERT_ID, "No request of this transaction and key is waiting.")
NOT_APPROVED = (FailInfo.BAD_REQUEST, "The request was not approved.")


@dataclass
class PendingDevice:
    """Asks in `profile` with key `number`; one challenge and one transaction unless told otherwise."""

    world: World
    profile: str = "approved"
    number: int = 0
    transaction_id: str = "transaction-1"
    challenge: str = ""
    subject: str = SUBJECT
    requester: Requester = field(init=False)

    def __post_init__(self) -> None:
        self.challenge = self.challenge or self.world.challenge(self.subject, profile=self.profile)
        self.requester = self_signed(self.number)

    def submit(self) -> Reply:
        request = csr(self.subject, challenge=self.challenge, number=self.number)
        return self.world.send(
            request, self.requester, profile=self.profile, transaction_id=self.transaction_id
        )

    def poll(self, **changes: str) -> Reply:
        content = issuer_and_subject(self.world.issuer.certificate.subject, Name.from_text(self.subject))
        return self.world.send(
            content,
            self.requester,
            kind=MessageType.CERT_POLL,
            profile=changes.pop("profile", self.profile),
            transaction_id=changes.pop("transaction_id", self.transaction_id),
            **changes,
        )

    @property
    def request(self) -> PendingRequest:
        """Its request, which is the only one of its key."""
        key_hash = self_signed(self.number).certificate.key_hash
        (found,) = (each for each in self.world.decisions.all(self.world.now) if each.key_hash == key_hash)
        return found


def decide(world: World, request: PendingRequest, decision: Decision, *, by: str = "ann") -> PendingRequest:
    return world.decisions.decide(request.id, verdict(decision, world.now, by=by))


def verdict(decision: Decision, at: datetime, *, by: str = "ann") -> Verdict:
    return Verdict(decision, by, at, "")


def refusal(reply: Reply) -> tuple[FailInfo | None, str]:
    """Why it was refused. Fails the test if it was not."""
    assert reply.status is PKIStatus.FAILURE
    return reply.fail_info, reply.fail_text


def certificate(reply: Reply) -> Certificate:
    """What was issued. Fails the test if nothing was."""
    assert reply.status is PKIStatus.SUCCESS, reply
    return reply.certificates[0]
