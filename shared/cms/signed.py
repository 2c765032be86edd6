"""SignedData (RFC 5652 5): reading and verifying a message with one signer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields
from shared.cms.content import unwrap, x509_members
from shared.cms.identifiers import CertificateReference
from shared.errors import IntegrityFailure, MalformedMessage
from shared.keys import digests, signatures

Attributes = Mapping[str, tuple[Element, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class SignedMessage:
    """A message as it was sent; nothing in it is proven until `verify` has returned.

    `content` is None if the message carries none. Certificates are DER, in the order sent. `attributes` are
    the signed ones, by object identifier.
    """

    content: bytes | None
    content_type: str
    certificates: tuple[bytes, ...]
    signer: CertificateReference
    signer_certificate: bytes
    digest_oid: str
    signature_algorithm: bytes
    attributes: Attributes = field(repr=False)
    _signed_attributes: Element = field(repr=False)
    _signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, message: bytes, *, known: Sequence[bytes] = ()) -> SignedMessage:
        """From a ContentInfo in BER or DER. Raises MalformedMessage; algorithms are not judged here.

        The signer's certificate may be one of `known` (DER) instead of being in the message.
        """
        fields = unwrap(message, oids.SIGNED_DATA)
        values.integer(
            fields.take()
        )  # the version follows from the rest (RFC 5652 5.1); senders get it wrong
        fields.take(tags.SET)
        content_type, content = _encapsulated(fields.take(tags.SEQUENCE))
        certificates = x509_members(fields.optional(tags.context(0)))
        fields.optional(tags.context(1))
        signer_infos = fields.take(tags.SET).children()
        fields.finish()
        if len(signer_infos) != 1:
            raise MalformedMessage(f"{len(signer_infos)} signers where one was expected")
        signer = Fields(signer_infos[0].expect(tags.SEQUENCE))
        values.integer(signer.take())
        reference = CertificateReference.parse(signer.take())
        candidates = (*certificates, *known)
        index = reference.find(candidates)
        if index is None:
            raise MalformedMessage("the signer's certificate is not in the message")
        digest = _algorithm(signer.take(tags.SEQUENCE))
        signed = signer.take(tags.context(0))
        algorithm = signer.take(tags.SEQUENCE).encoded
        signature = values.octets(signer.take())
        signer.optional(tags.context(1))
        signer.finish()
        return cls(
            content=content,
            content_type=content_type,
            certificates=certificates,
            signer=reference,
            signer_certificate=candidates[index],
            digest_oid=digest,
            signature_algorithm=algorithm,
            attributes=_attributes(signed),
            _signed_attributes=signed,
            _signature=signature,
        )

    @property
    def digest(self) -> str:
        """The name of the digest. Raises AlgorithmRefused if it is not known."""
        return digests.by_oid(self.digest_oid).name

    def verify(self, public_key: object, *, allow_legacy: bool = False) -> None:
        """Returns if content and attributes are what the holder of `public_key` signed (RFC 5652 5.6).

        Raises IntegrityFailure; AlgorithmRefused for an algorithm that is not known, or a legacy one unless
        `allow_legacy`.
        """
        digest = digests.by_oid(self.digest_oid).require(allow_legacy=allow_legacy)
        declared = self.attributes.get(oids.CONTENT_TYPE)
        if declared is not None and values.oid(_single(declared)) != self.content_type:
            raise IntegrityFailure("the signed content type is not that of the content")
        if oids.MESSAGE_DIGEST not in self.attributes:
            raise IntegrityFailure("no message digest was signed")
        if values.octets(_single(self.attributes[oids.MESSAGE_DIGEST])) != digest.compute(
            self.content or b""
        ):
            raise IntegrityFailure("the signed digest is not that of the content")
        self._verify_signature(public_key, digest.name, allow_legacy=allow_legacy)

    def _verify_signature(self, key: object, digest: str, *, allow_legacy: bool) -> None:
        # RFC 5652 5.4: signed is the SET OF, not its implicit tag, and in DER. Many sign what they send,
        # sorted or not; those who sort only what they sign are right too.
        verify = partial(
            signatures.verify,
            key,
            self.signature_algorithm,
            signature=self._signature,
            digest=digest,
            allow_legacy=allow_legacy,
        )
        signed = self._signed_attributes
        try:
            verify(data=bytes((tags.SET,)) + signed.encoded[1:])
        except IntegrityFailure:
            verify(data=writer.set_of(child.encoded for child in signed.children()))


def _encapsulated(element: Element) -> tuple[str, bytes | None]:
    """EncapsulatedContentInfo: (type, content octets or None)."""
    fields = Fields(element)
    content_type = values.oid(fields.take())
    content = fields.optional(tags.context(0))
    fields.finish()
    return content_type, values.octets(content.only_child()) if content else None


def _algorithm(identifier: Element) -> str:
    return values.oid(Fields(identifier).take())


def _attributes(element: Element) -> Attributes:
    found: dict[str, tuple[Element, ...]] = {}
    for attribute in element.children():
        parts = attribute.expect(tags.SEQUENCE).children()
        if len(parts) != 2:
            raise MalformedMessage("a signed attribute that is not an identifier and its values")
        oid = values.oid(parts[0])
        if oid in found:
            raise MalformedMessage(f"two signed attributes {oid}")
        found[oid] = tuple(parts[1].expect(tags.SET).children())
    return MappingProxyType(found)


def _single(found: tuple[Element, ...]) -> Element:
    if len(found) != 1:
        raise MalformedMessage(f"{len(found)} values in an attribute that has one")
    return found[0]
