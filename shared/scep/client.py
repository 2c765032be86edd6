"""The client's half of SCEP messages (RFC 8894 3): build a request, read a CertRep. Pure; whoever calls it does HTTP.

The demo, the tests and the benchmarks enrol with it; it follows the RFC and takes no shortcut the server offers.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from shared.asn1 import oids, values, writer
from shared.cms.enveloped import EnvelopedMessage, seal
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate, sign_message
from shared.errors import IntegrityFailure
from shared.scep.message import FailInfo, MessageType, PKIStatus
from shared.x509.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a key and the certificate that signs the message, self-signed at first, our own at renewal."""

    certificate: Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A CertRep as its receiver sees it. `certificates` is empty unless the status is SUCCESS."""

    status: PKIStatus
    fail_info: FailInfo | None
    fail_text: str
    certificates: tuple[Certificate, ...]


def build_request(
    csr: bytes,
    requester: Requester,
    recipient: Certificate,
    *,
    message_type: MessageType = MessageType.PKCS_REQ,
    transaction_id: str | None = None,
    cipher: str = "aes-256-cbc",
    digest: str = "sha256",
) -> tuple[bytes, str, bytes]:
    """A pkiMessage around `csr`, sealed to `recipient`; returns it with its transactionID and senderNonce."""
    transaction_id = transaction_id or secrets.token_hex(20)
    nonce = secrets.token_bytes(16)
    envelope = seal(csr, recipient.der, recipient.public_key, cipher=cipher, allow_legacy=True)
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


def read_reply(
    der: bytes, requester: Requester, ra: Certificate, *, transaction_id: str, nonce: bytes
) -> Reply:
    """Verify and open a CertRep. Raises IntegrityFailure when it does not answer this very request."""
    signed = SignedMessage.parse(der)
    signed.verify(ra.public_key, allow_legacy=True)
    attributes = signed.attributes
    if values.text(attributes[oids.SCEP_TRANSACTION_ID][0]) != transaction_id:
        raise IntegrityFailure("the reply is of another transaction")
    if values.octets(attributes[oids.SCEP_RECIPIENT_NONCE][0]) != nonce:
        raise IntegrityFailure("the reply does not carry the nonce of the request")
    status = PKIStatus(values.text(attributes[oids.SCEP_PKI_STATUS][0]))
    if status is not PKIStatus.SUCCESS:
        info, text = attributes.get(oids.SCEP_FAIL_INFO), attributes.get(oids.SCEP_FAIL_INFO_TEXT)
        return Reply(
            status,
            FailInfo(values.text(info[0])) if info else None,
            values.text(text[0]) if text else "",
            (),
        )
    plain, _ = EnvelopedMessage.parse(signed.content or b"").open(
        [(requester.certificate.der, requester.key)], allow_legacy=True
    )
    certificates, _ = parse_degenerate(plain)
    return Reply(status, None, "", tuple(Certificate.from_der(certificate) for certificate in certificates))


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
