"""The client's half of SCEP messages (RFC 8894 3): build a request, read a CertRep. Pure; whoever calls it does HTTP.

`manage.py scep`, the demo, the tests and the benchmarks enrol with it; it follows the RFC and takes no shortcut the
server offers. What a server says of itself is read in `advertised` and `ca_certificates`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from shared.asn1 import oids, values, writer
from shared.asn1.reader import Element
from shared.cms.enveloped import EnvelopedMessage, seal
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate, sign_message
from shared.errors import IntegrityFailure, MalformedMessage
from shared.scep.message import FailInfo, MessageType, PKIStatus
from shared.x509.certificate import Certificate
from shared.x509.names import Name

Member = TypeVar("Member", PKIStatus, FailInfo)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a key and the certificate that signs the message, self-signed at first, our own at renewal."""

    certificate: Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A CertRep as its receiver sees it. `certificates` is empty unless the status is SUCCESS.

    `digest` and `cipher` are the algorithms the server answered with; there is no cipher without certificates.
    """

    status: PKIStatus
    fail_info: FailInfo | None
    fail_text: str
    certificates: tuple[Certificate, ...]
    digest: str = ""
    cipher: str = ""

    def issued_to(self, spki: bytes) -> Certificate | None:
        """The certificate for a public key; servers send others beside it, and not always behind it."""
        return next((each for each in self.certificates if each.spki == spki), None)


def build_request(
    content: bytes,
    requester: Requester,
    recipient: Certificate,
    *,
    message_type: MessageType = MessageType.PKCS_REQ,
    transaction_id: str | None = None,
    cipher: str = "aes-256-cbc",
    digest: str = "sha256",
) -> tuple[bytes, str, bytes]:
    """A pkiMessage around `content`, sealed to `recipient`; returns it with its transactionID and senderNonce.

    The content is a PKCS #10 request, or what `issuer_and_subject` makes for CertPoll.
    """
    transaction_id = transaction_id or secrets.token_hex(20)
    nonce = secrets.token_bytes(16)
    envelope = seal(content, recipient.der, recipient.public_key, cipher=cipher, allow_legacy=True)
    attributes = [
        (oids.SCEP_MESSAGE_TYPE, writer.printable_string(message_type.value)),
        (oids.SCEP_TRANSACTION_ID, writer.printable_string(transaction_id)),
        (oids.SCEP_SENDER_NONCE, writer.octet_string(nonce)),
    ]
    message = sign_message(
        envelope,
        attributes,
        certificate=requester.certificate.der,
        key=requester.key,
        digest=digest,
        allow_legacy=True,  # a client sends what it was told to; the server decides
    )
    return message, transaction_id, nonce


def issuer_and_subject(issuer: Name, subject: Name) -> bytes:
    """What a CertPoll asks about (RFC 8894 3.3.3): the CA's name and the subject of the request, DER."""
    return writer.sequence(issuer.encoded, subject.encoded)


def read_reply(
    der: bytes, requester: Requester, ra: Certificate, *, transaction_id: str, nonce: bytes
) -> Reply:
    """Verify and open a CertRep that `ra` signed.

    Raises MalformedMessage, AlgorithmRefused; IntegrityFailure when it does not answer this very request.
    """
    signed = SignedMessage.parse(der, known=[ra.der])
    signed.verify(ra.public_key, allow_legacy=True)
    if values.text(_one(signed, oids.SCEP_TRANSACTION_ID, "transactionID")) != transaction_id:
        raise IntegrityFailure("the reply is of another transaction")
    if values.octets(_one(signed, oids.SCEP_RECIPIENT_NONCE, "recipientNonce")) != nonce:
        raise IntegrityFailure("the reply does not carry the nonce of the request")
    status = _member(PKIStatus, _one(signed, oids.SCEP_PKI_STATUS, "pkiStatus"))
    if status is not PKIStatus.SUCCESS:
        info, text = (signed.attributes.get(oid) for oid in (oids.SCEP_FAIL_INFO, oids.SCEP_FAIL_INFO_TEXT))
        return Reply(
            status,
            _member(FailInfo, info[0]) if info else None,
            values.text(text[0]) if text else "",
            (),
            signed.digest,
        )
    envelope = EnvelopedMessage.parse(signed.content or b"")
    plain, _ = envelope.open([(requester.certificate.der, requester.key)], allow_legacy=True)
    certificates = tuple(map(Certificate.from_der, parse_degenerate(plain)[0]))
    return Reply(status, None, "", certificates, signed.digest, envelope.cipher)


def _one(signed: SignedMessage, oid: str, name: str) -> Element:
    found = signed.attributes.get(oid)
    if not found:
        raise MalformedMessage(f"the reply has no {name}")
    return found[0]


def _member(kind: type[Member], element: Element) -> Member:
    try:
        return kind(values.text(element))
    except ValueError:
        raise MalformedMessage(f"the reply has a {kind.__name__} that RFC 8894 does not know") from None


def build_csr(
    key: rsa.RSAPrivateKey,
    subject: pyca.Name,
    *,
    challenge: str | None = None,
    sans: Sequence[pyca.GeneralName] = (),
) -> bytes:
    """A PKCS #10 request (DER) with a challengePassword (RFC 2985 5.4.1) and a SAN."""
    builder = pyca.CertificateSigningRequestBuilder().subject_name(subject)
    if sans:
        builder = builder.add_extension(pyca.SubjectAlternativeName(sans), critical=False)
    if challenge is not None:
        builder = builder.add_attribute(pyca.ObjectIdentifier(oids.CHALLENGE_PASSWORD), challenge.encode())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
