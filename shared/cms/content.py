"""ContentInfo (RFC 5652 3), the outermost layer of every message, and the sets SignedData carries."""

from __future__ import annotations

from shared.asn1 import tags, values, writer
from shared.asn1.reader import Element, Fields, read
from shared.errors import MalformedMessage


def unwrap(message: bytes, content_type: str) -> Fields:
    """The fields of the SEQUENCE that a ContentInfo of `content_type` holds; BER is accepted.

    Raises MalformedMessage, also for another content type.
    """
    info = Fields(read(message).expect(tags.SEQUENCE))
    found = values.oid(info.take())
    if found != content_type:
        raise MalformedMessage(f"content type {found} where {content_type} was expected")
    content = info.take(tags.context(0)).only_child()
    info.finish()
    return Fields(content.expect(tags.SEQUENCE))


def wrap(content_type: str, content: bytes) -> bytes:
    """ContentInfo (DER) around `content`, a whole element."""
    return writer.sequence(writer.oid(content_type), writer.context(0, content))


def x509_members(element: Element | None) -> tuple[bytes, ...]:
    """The X.509 certificates or CRLs (DER) of a CertificateSet or RevocationInfoChoices (RFC 5652 10.2).

    Attribute certificates and other formats, which nobody here reads, are tagged and passed over.
    """
    children = element.children() if element else []
    return tuple(child.encoded for child in children if child.tag == tags.SEQUENCE)
