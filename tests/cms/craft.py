"""SignedData by hand, for messages that no library would make."""

from __future__ import annotations

from collections.abc import Sequence

from shared.asn1 import oids, writer
from shared.cms.content import wrap
from shared.cms.identifiers import issuer_and_serial_number
from shared.keys import digests, signatures
from tests.cms.identity import Identity

SHA256 = digests.by_name("sha256")


def attribute(oid: str, *found: bytes) -> bytes:
    """Attribute with any number of values."""
    return writer.sequence(writer.oid(oid), writer.set_of(found))


def content_type(oid: str = oids.DATA) -> bytes:
    """The attribute contentType."""
    return attribute(oids.CONTENT_TYPE, writer.oid(oid))


def message_digest(content: bytes) -> bytes:
    """The attribute messageDigest."""
    return attribute(oids.MESSAGE_DIGEST, writer.octet_string(SHA256.compute(content)))


def signer_info(
    signer: Identity,
    attributes: Sequence[bytes],
    *,
    to_sign: bytes | None = None,
    identifier: bytes | None = None,
    digest: bytes = SHA256.identifier,
    algorithm: bytes | None = None,
) -> bytes:
    """SignerInfo; `attributes` go out in the order given, and so are they signed unless `to_sign` says else."""
    sent = writer.tlv(0x31, b"".join(attributes))
    return writer.sequence(
        writer.integer(1),
        identifier or issuer_and_serial_number(signer.der),
        digest,
        b"\xa0" + sent[1:],
        algorithm or signatures.signature_algorithm(signer.key, "sha256"),
        writer.octet_string(signatures.sign(signer.key, to_sign or sent, "sha256")),
    )


def signed_data(content: bytes | None, signer_infos: Sequence[bytes], certificates: Sequence[bytes]) -> bytes:
    """ContentInfo of SignedData; without content there is no eContent at all."""
    explicit = [] if content is None else [writer.context(0, writer.octet_string(content))]
    return wrap(
        oids.SIGNED_DATA,
        writer.sequence(
            writer.integer(1),
            writer.set_of([SHA256.identifier]),
            writer.sequence(writer.oid(oids.DATA), *explicit),
            writer.context(0, b"".join(certificates)),
            writer.set_of(signer_infos),
        ),
    )


def message(signer: Identity, content: bytes, attributes: Sequence[bytes] | None = None) -> bytes:
    """A message by `signer`; by default with the attributes it must have."""
    chosen = [content_type(), message_digest(content)] if attributes is None else attributes
    return signed_data(content, [signer_info(signer, chosen)], [signer.der])
