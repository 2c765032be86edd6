"""pkiMessage and CertRep (RFC 8894 3): the attributes of a request, its envelope, and the three kinds of reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.asn1 import oids, values, writer
from shared.asn1.reader import Element
from shared.ca.registration import RAIdentity
from shared.cms.enveloped import EnvelopedMessage, seal
from shared.cms.signed import SignedMessage
from shared.cms.signing import degenerate, sign_message
from shared.errors import MalformedMessage
from shared.x509.certificate import Certificate

_MAX_TRANSACTION_ID = 512


class MessageType(StrEnum):
    """RFC 8894 3.2.1.2."""

    CERT_REP = "3"
    RENEWAL_REQ = "17"
    PKCS_REQ = "19"
    CERT_POLL = "20"
    GET_CERT = "21"
    GET_CRL = "22"


class PKIStatus(StrEnum):
    """RFC 8894 3.2.1.3."""

    SUCCESS = "0"
    FAILURE = "2"
    PENDING = "3"


class FailInfo(StrEnum):
    """RFC 8894 3.2.1.4."""

    BAD_ALG = "0"
    BAD_MESSAGE_CHECK = "1"
    BAD_REQUEST = "2"
    BAD_TIME = "3"
    BAD_CERT_ID = "4"


@dataclass(frozen=True, slots=True)
class PKIMessage:
    """A request whose outer structure could be read. Its signature is not verified yet.

    `transaction_id` and `sender_nonce` are the client's; the nonce may be missing or of any length.
    """

    signed: SignedMessage = field(repr=False)
    signer: Certificate
    message_type: str
    transaction_id: str
    sender_nonce: bytes | None

    @classmethod
    def parse(cls, der: bytes) -> PKIMessage:
        """Read a pkiMessage, BER or DER. Raises MalformedMessage when no CertRep could answer it."""
        signed = SignedMessage.parse(der)
        transaction_id = _attribute(signed, oids.SCEP_TRANSACTION_ID)
        message_type = _attribute(signed, oids.SCEP_MESSAGE_TYPE)
        if transaction_id is None or message_type is None:
            raise MalformedMessage("the message has no transactionID or no messageType")
        text = values.text(transaction_id)
        if not 0 < len(text) <= _MAX_TRANSACTION_ID or not (text.isascii() and text.isprintable()):
            raise MalformedMessage("the transactionID is empty, too long or not printable")
        nonce = _attribute(signed, oids.SCEP_SENDER_NONCE)
        return cls(
            signed=signed,
            signer=Certificate.from_slice(signed.signer_certificate),
            message_type=values.text(message_type),
            transaction_id=text,
            sender_nonce=None if nonce is None else values.octets(nonce),
        )

    def verify(self, *, allow_legacy: bool) -> None:
        """The outer signature. Raises IntegrityFailure, AlgorithmRefused."""
        self.signed.verify(self.signer.public_key, allow_legacy=allow_legacy)

    def envelope(self) -> EnvelopedMessage:
        """The pkcsPKIEnvelope (RFC 8894 3.2.2). Raises MalformedMessage."""
        if not self.signed.content:
            raise MalformedMessage("the message has no envelope")
        return EnvelopedMessage.parse(self.signed.content)


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What a reply takes from its request: whom to answer, as which RA identity, with which algorithms."""

    message: PKIMessage
    ra: RAIdentity
    digest: str
    random: bytes


def success(
    context: ReplyContext, certificates: Sequence[bytes], crls: Sequence[bytes] = (), *, cipher: str
) -> bytes:
    """CertRep SUCCESS: certificates and CRLs, sealed to the signer of the request with the cipher it used."""
    signer, content = context.message.signer, degenerate(certificates, crls)
    # Legacy or not was decided when the request was opened with this very cipher.
    envelope = seal(content, signer.der, signer.public_key, cipher=cipher, allow_legacy=True)
    return _reply(context, envelope, PKIStatus.SUCCESS, ())


def pending(context: ReplyContext) -> bytes:
    """CertRep PENDING; its content is empty, not absent, as that of a FAILURE."""
    return _reply(context, None, PKIStatus.PENDING, ())


def failure(context: ReplyContext, info: FailInfo, text: str) -> bytes:
    """CertRep FAILURE with failInfo and failInfoText; its content is empty, not absent, which clients need."""
    more = [
        (oids.SCEP_FAIL_INFO, writer.printable_string(info.value)),
        (oids.SCEP_FAIL_INFO_TEXT, writer.utf8_string(text[:255])),
    ]
    return _reply(context, None, PKIStatus.FAILURE, more)


def _reply(
    context: ReplyContext, content: bytes | None, status: PKIStatus, more: Sequence[tuple[str, bytes]]
) -> bytes:
    message = context.message
    attributes = [
        (oids.SCEP_TRANSACTION_ID, writer.printable_string(message.transaction_id)),
        (oids.SCEP_MESSAGE_TYPE, writer.printable_string(MessageType.CERT_REP.value)),
        (oids.SCEP_PKI_STATUS, writer.printable_string(status.value)),
        (oids.SCEP_SENDER_NONCE, writer.octet_string(context.random)),
        *more,
    ]
    if message.sender_nonce is not None:
        attributes.append((oids.SCEP_RECIPIENT_NONCE, writer.octet_string(message.sender_nonce)))
    return sign_message(
        content,
        attributes,
        certificate=context.ra.certificate.der,
        key=context.ra.key,
        digest=context.digest,
        allow_legacy=True,  # the digest was chosen by policy
    )


def _attribute(signed: SignedMessage, oid: str) -> Element | None:
    found = signed.attributes.get(oid)
    return found[0] if found else None
