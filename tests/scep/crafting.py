"""Messages no proper client sends, and replies read without a client's expectations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from shared.asn1 import oids, values, writer
from shared.ca import hierarchy
from shared.ca.registration import RAIdentity
from shared.cms.enveloped import seal
from shared.cms.signed import SignedMessage
from shared.cms.signing import sign_message
from shared.keys.ports import SigningKey, public_key_info
from shared.scep.client import Requester
from shared.scep.message import FailInfo, PKIStatus
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from tests.scep.authority import DAY, NOW, World, key, self_signed

NONCE = bytes(range(16))
TRANSACTION = "transaction-of-the-tests"
USUAL: Mapping[str, bytes | None] = {
    oids.SCEP_MESSAGE_TYPE: writer.printable_string("19"),
    oids.SCEP_TRANSACTION_ID: writer.printable_string(TRANSACTION),
    oids.SCEP_SENDER_NONCE: writer.octet_string(NONCE),
}


@dataclass(frozen=True)
class Answer:
    """A CertRep, verified with the RA's key; `attributes` by identifier."""

    message: SignedMessage
    status: PKIStatus
    fail_info: FailInfo | None
    fail_text: str

    @classmethod
    def read(cls, der: bytes, ra: Certificate) -> Answer:
        message = SignedMessage.parse(der)
        message.verify(ra.public_key, allow_legacy=True)
        info, text = (message.attributes.get(oid) for oid in (oids.SCEP_FAIL_INFO, oids.SCEP_FAIL_INFO_TEXT))
        return cls(
            message,
            PKIStatus(values.text(message.attributes[oids.SCEP_PKI_STATUS][0])),
            FailInfo(values.text(info[0])) if info else None,
            values.text(text[0]) if text else "",
        )

    @property
    def refusal(self) -> tuple[FailInfo | None, str]:
        """All that a stranger learns of a refusal."""
        assert self.status is PKIStatus.FAILURE
        return self.fail_info, self.fail_text


def envelope(world: World, content: bytes, ra: Certificate | None = None) -> bytes:
    """`content` sealed to the RA."""
    to = ra or world.ra.certificate
    return seal(content, to.der, to.public_key)


def message(
    content: bytes | None,
    attributes: Mapping[str, bytes | None] | None = None,
    *,
    requester: Requester | None = None,
    signing_key: SigningKey | None = None,
) -> bytes:
    """A signed message with the usual attributes but those given; None leaves one out."""
    who = requester or self_signed()
    chosen = {**USUAL, **(attributes or {})}
    return sign_message(
        content,
        [(oid, value) for oid, value in chosen.items() if value is not None],
        certificate=who.certificate.der,
        key=signing_key or who.key,
    )


def ask(world: World, der: bytes, profile: str = "device", *, ra: Certificate | None = None) -> Answer:
    """One PKIOperation; the reply has to be signed by `ra`."""
    reply = world.service.pki_operation(der, world.profile(profile), now=world.now)
    return Answer.read(reply, ra or world.ra.certificate)


def certified(
    holder: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    issuer: Certificate | None = None,
    serial: int = 2,
) -> Certificate:
    """A self-signed certificate as a client makes for its first message, or one that claims another issuer."""
    name = x509.Name.from_rfc4514_string("CN=dev1")
    claimed = x509.load_der_x509_certificate(issuer.der).subject if issuer else name
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(claimed)
    builder = builder.public_key(holder.public_key()).serial_number(serial)
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + 365 * DAY)
    return Certificate.from_der(builder.sign(holder, hashes.SHA256()).public_bytes(Encoding.DER))


def ra_identity(world: World, number: int, *, age: timedelta, life: timedelta = 366 * DAY) -> RAIdentity:
    """Another RA identity of `world`, made `age` ago with device key `number`."""
    since = world.now - age
    template = hierarchy.ra_template(
        public_key_info(key(number)), Name.build([("CN", f"RA {number}")]), not_before=since, life=life
    )
    certificate = world.issuer.sign(world.issuer.compose(template, f"{0x2500 + number:04x}" + "03" * 17))
    return RAIdentity(certificate, key(number), since)
