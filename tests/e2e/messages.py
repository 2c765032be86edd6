"""Messages made apart from their sending, so that the very same bytes can go any way, and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509

from shared.scep.client import Reply, Requester, build_request, read_reply
from shared.scep.message import MessageType
from shared.x509.certificate import Certificate
from tests.e2e.host import Host
from tests.scep.authority import csr, self_signed


@dataclass(frozen=True)
class Message:
    """A pkiMessage, and what it takes to read its answer."""

    der: bytes = field(repr=False)
    requester: Requester
    ra: Certificate
    transaction_id: str
    nonce: bytes

    @classmethod
    def make(
        cls,
        host: Host,
        request: bytes,
        requester: Requester,
        *,
        kind: MessageType = MessageType.PKCS_REQ,
        transaction_id: str | None = None,
    ) -> Message:
        """`request` (PKCS #10, DER) sealed to the host's RA and signed by `requester`."""
        der, transaction, nonce = build_request(
            request, requester, host.ra, message_type=kind, transaction_id=transaction_id
        )
        return cls(der, requester, host.ra, transaction, nonce)

    def read(self, answer: bytes) -> Reply:
        """Verify and open the CertRep."""
        return read_reply(
            answer, self.requester, self.ra, transaction_id=self.transaction_id, nonce=self.nonce
        )

    def post(self, host: Host, profile: str = "device") -> Reply:
        """Send it; returns what the CertRep says."""
        answer = host.http.post(f"/scep/{profile}?operation=PKIOperation", content=self.der)
        return self.read(answer.raise_for_status().content)


def enrolment(
    host: Host,
    subject: str,
    challenge: str,
    *,
    sans: Sequence[x509.GeneralName] = (),
    number: int = 0,
    transaction_id: str | None = None,
) -> Message:
    """A PKCSReq of the device key `number` (equal numbers are equal keys)."""
    request = csr(subject, challenge=challenge, sans=sans, number=number)
    return Message.make(host, request, self_signed(number), transaction_id=transaction_id)
