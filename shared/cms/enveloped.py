"""EnvelopedData (RFC 5652 6): content sealed to RSA keys.

Nothing about a failed decryption may be learnt from outside: a damaged key and wrong padding end in one and
the same IntegrityFailure, and a key that cannot be unwrapped is replaced by a random one (RFC 3218 2.3.2).
Callers must answer garbage in the opened content in just that way: who sealed an envelope is not known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields, read_der
from shared.cms.algorithms import ContentCipher, KeyTransport, cipher_by_name, cipher_by_oid
from shared.cms.content import unwrap, wrap
from shared.cms.identifiers import CertificateReference, issuer_and_serial_number
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys.ports import DecryptionKey

MIN_RSA_BITS = 2048
MAX_RECIPIENTS = 32  # some clients seal to every certificate of GetCACert; nobody needs more


@dataclass(frozen=True, slots=True)
class Recipient:
    """One KeyTransRecipientInfo: whom it means, how the content key was wrapped, and the wrapped key."""

    reference: CertificateReference
    algorithm: Element = field(repr=False)
    wrapped_key: bytes = field(repr=False)

    @property
    def key_transport(self) -> KeyTransport:
        """Raises AlgorithmRefused, MalformedMessage."""
        return KeyTransport.parse(self.algorithm)


@dataclass(frozen=True, slots=True)
class EnvelopedMessage:
    """A sealed message as it was sent. `recipients` are those with key transport, `agreements` those with key
    agreement, as they are; others are passed over."""

    recipients: tuple[Recipient, ...]
    cipher_oid: str
    _cipher_parameters: bytes = field(repr=False)
    _encrypted: bytes = field(repr=False)
    agreements: tuple[Element, ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, message: bytes) -> EnvelopedMessage:
        """From a ContentInfo in BER or DER. Raises MalformedMessage; algorithms are not judged here."""
        fields = unwrap(message, oids.ENVELOPED_DATA)
        values.integer(fields.take())
        fields.optional(tags.context(0))
        recipients = fields.take(tags.SET).children()
        if len(recipients) > MAX_RECIPIENTS:
            raise MalformedMessage(f"{len(recipients)} recipients")
        content = Fields(fields.take(tags.SEQUENCE))
        fields.optional(tags.context(1))
        fields.finish()
        values.oid(content.take())
        algorithm = Fields(content.take(tags.SEQUENCE))
        encrypted = content.take(tags.context(0), tags.context(0, constructed=False))
        content.finish()
        oid = values.oid(algorithm.take())
        return cls(
            recipients=tuple(_recipient(element) for element in recipients if element.tag == tags.SEQUENCE),
            cipher_oid=oid,
            _cipher_parameters=algorithm.take().encoded if algorithm.more() else b"",
            _encrypted=values.implicit_octets(encrypted),
            agreements=tuple(element for element in recipients if element.tag == tags.context(1)),
        )

    @property
    def cipher(self) -> str:
        """The name of the content cipher. Raises AlgorithmRefused if it is not known."""
        return cipher_by_oid(self.cipher_oid).name

    def open(
        self,
        candidates: Sequence[tuple[bytes, DecryptionKey]],
        *,
        allow_legacy: bool = False,
        random: Callable[[int], bytes] = os.urandom,
    ) -> tuple[bytes, int]:
        """(the content, the index of the candidate it was sealed to); candidates are (certificate DER, key).

        Raises IntegrityFailure, also if the message is for somebody else; AlgorithmRefused for an algorithm
        that is not known, or a legacy one unless `allow_legacy`; what a remote key raises while it is away.
        """
        cipher = cipher_by_oid(self.cipher_oid).require(allow_legacy=allow_legacy)
        iv = self._initialisation_vector(cipher)
        recipient, index = self._addressed([certificate for certificate, _ in candidates])
        transport = recipient.key_transport
        decoy = random(cipher.key_size)
        try:
            key = candidates[index][1].decrypt(recipient.wrapped_key, transport.padding)
        except ValueError:
            key = decoy
        if len(key) != cipher.key_size:
            key = decoy
        try:
            return cipher.decrypt(key, iv, self._encrypted), index
        except ValueError:
            raise IntegrityFailure("the envelope does not open") from None

    def decrypted(self, key: bytes) -> bytes | None:
        """The content under a content key that was unwrapped elsewhere, None if it is not that key."""
        cipher = cipher_by_oid(self.cipher_oid).require(allow_legacy=False)
        iv = self._initialisation_vector(cipher)
        try:
            return cipher.decrypt(key, iv, self._encrypted) if len(key) == cipher.key_size else None
        except ValueError:
            return None

    def is_addressed_to(self, certificates: Sequence[bytes]) -> bool:
        """Whether a recipient means one of the certificates (DER)."""
        return any(recipient.reference.find(certificates) is not None for recipient in self.recipients)

    def _addressed(self, certificates: Sequence[bytes]) -> tuple[Recipient, int]:
        for recipient in self.recipients:
            index = recipient.reference.find(certificates)
            if index is not None:
                return recipient, index
        raise IntegrityFailure("the envelope is addressed to none of our certificates")

    def _initialisation_vector(self, cipher: ContentCipher) -> bytes:
        iv = values.octets(read_der(self._cipher_parameters))
        if len(iv) != cipher.block_size:
            raise MalformedMessage("an initialisation vector of the wrong size")
        return iv


def seal(
    content: bytes,
    recipient_certificate: bytes,
    public_key: object,
    *,
    cipher: str = "aes-256-cbc",
    key_transport: str = "rsa",
    allow_legacy: bool = False,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """ContentInfo (DER): `content` encrypted to `public_key`, addressed by `recipient_certificate` (DER).

    Raises AlgorithmRefused for a key that is not RSA with at least 2048 bits, for names the tables do not
    have, and for a legacy cipher unless `allow_legacy`.
    """
    transport = KeyTransport.named(key_transport)
    recipient_key = check_recipient_key(public_key)

    def wrapped(key: bytes) -> bytes:
        identifier = issuer_and_serial_number(recipient_certificate)
        return transported(key, recipient_key, transport, identifier, version=0)

    return seal_for(content, wrapped, version=0, cipher=cipher, allow_legacy=allow_legacy, random=random)


def seal_for(
    content: bytes,
    wrap_key: Callable[[bytes], bytes],
    *,
    version: int,
    cipher: str = "aes-256-cbc",
    allow_legacy: bool = False,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """ContentInfo (DER): `content` for the one recipient whose RecipientInfo `wrap_key` makes of the content key.

    `version` follows from the kind of RecipientInfo (RFC 5652 6.1). Raises AlgorithmRefused.
    """
    chosen = cipher_by_name(cipher).require(allow_legacy=allow_legacy)
    key, iv = random(chosen.key_size), random(chosen.block_size)
    encrypted = writer.sequence(
        writer.oid(oids.DATA),
        writer.sequence(writer.oid(chosen.oid), writer.octet_string(iv)),
        writer.context(0, chosen.encrypt(key, iv, content), constructed=False),
    )
    recipients = writer.set_of([wrap_key(key)])
    return wrap(oids.ENVELOPED_DATA, writer.sequence(writer.integer(version), recipients, encrypted))


def transported(
    key: bytes, recipient: rsa.RSAPublicKey, transport: KeyTransport, identifier: bytes, *, version: int
) -> bytes:
    """KeyTransRecipientInfo (RFC 5652 6.2.1): the content key encrypted to an RSA key.

    `identifier` is IssuerAndSerialNumber with version 0, or [0] SubjectKeyIdentifier with version 2.
    """
    return writer.sequence(
        writer.integer(version),
        identifier,
        transport.identifier(),
        writer.octet_string(recipient.encrypt(key, transport.padding)),
    )


def check_recipient_key(public_key: object) -> rsa.RSAPublicKey:
    """The key, if it can be sealed to: RSA of at least 2048 bits. Raises AlgorithmRefused."""
    if not isinstance(public_key, rsa.RSAPublicKey) or public_key.key_size < MIN_RSA_BITS:
        raise AlgorithmRefused(
            f"only RSA keys of at least {MIN_RSA_BITS} bits can be sealed to",
            public=f"The reply can be sealed only to an RSA key of at least {MIN_RSA_BITS} bits.",
        )
    return public_key


def _recipient(element: Element) -> Recipient:
    fields = Fields(element)
    values.integer(fields.take())
    reference = CertificateReference.parse(fields.take())
    algorithm = fields.take(tags.SEQUENCE)
    wrapped_key = values.octets(fields.take())
    fields.finish()
    return Recipient(reference, algorithm, wrapped_key)
