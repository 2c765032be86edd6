"""SignedData (RFC 5652 5): composing a signed message, and the certs-only form that carries certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1 import oids, tags, writer
from shared.cms.content import unwrap, wrap, x509_members
from shared.cms.identifiers import issuer_and_serial_number
from shared.keys import digests, signatures
from shared.keys.ports import SigningKey

_RSA: Final = writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())


def sign_message(
    content: bytes | None,
    attributes: Sequence[tuple[str, bytes]],
    *,
    certificate: bytes,
    key: SigningKey,
    digest: str = "sha256",
    extra: Sequence[bytes] = (),
    allow_legacy: bool = False,
) -> bytes:
    """ContentInfo (DER) with `content` and signed `attributes`, each (object identifier, whole element).

    Content type and message digest are added. `certificate` (DER) is the signer's and goes into the message
    with `extra`. Without content, eContent is present and empty: RFC 8894 3 would have it absent, but
    OpenSSL's PKCS7_verify, and with it certmonger, then finds no content. Raises AlgorithmRefused.
    """
    chosen = digests.by_name(digest).require(allow_legacy=allow_legacy)
    signed = writer.set_of(
        [
            _attribute(oids.CONTENT_TYPE, writer.oid(oids.DATA)),
            _attribute(oids.MESSAGE_DIGEST, writer.octet_string(chosen.compute(content or b""))),
            *(_attribute(oid, value) for oid, value in attributes),
        ]
    )
    signer_info = writer.sequence(
        writer.integer(1),
        issuer_and_serial_number(certificate),
        chosen.identifier,
        bytes((tags.context(0),)) + signed[1:],
        _signature_algorithm(key, digest),
        writer.octet_string(signatures.sign(key, signed, digest)),
    )
    encapsulated = writer.sequence(
        writer.oid(oids.DATA), writer.context(0, writer.octet_string(content or b""))
    )
    return _signed_data([chosen.identifier], encapsulated, [certificate, *extra], (), [signer_info])


def degenerate(certificates: Sequence[bytes], crls: Sequence[bytes] = ()) -> bytes:
    """ContentInfo (DER) that only carries certificates and CRLs (RFC 5652 5.1, RFC 8894 3.4)."""
    return _signed_data([], writer.sequence(writer.oid(oids.DATA)), certificates, crls, [])


def parse_degenerate(message: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(certificates, CRLs), each DER, of a SignedData message; signatures are not looked at.

    Raises MalformedMessage.
    """
    fields = unwrap(message, oids.SIGNED_DATA)
    for tag in (tags.INTEGER, tags.SET, tags.SEQUENCE):
        fields.take(tag)
    certificates = fields.optional(tags.context(0))
    crls = fields.optional(tags.context(1))
    fields.take(tags.SET)
    fields.finish()
    return x509_members(certificates), x509_members(crls)


def _signed_data(
    algorithms: Sequence[bytes],
    encapsulated: bytes,
    certificates: Sequence[bytes],
    crls: Sequence[bytes],
    signer_infos: Sequence[bytes],
) -> bytes:
    # RFC 5652 5.1: version 1, for X.509 certificates only, data as content, signers by issuer and serial
    parts = [writer.integer(1), writer.set_of(algorithms), encapsulated]
    if certificates:
        # In the caller's order, the leaf first, though X.690 11.6 sorts: clients take the first certificate for theirs.
        parts.append(writer.context(0, b"".join(dict.fromkeys(certificates))))
    if crls:
        parts.append(writer.context(1, b"".join(sorted(set(crls)))))
    return wrap(oids.SIGNED_DATA, writer.sequence(*parts, writer.set_of(signer_infos)))


def _attribute(oid: str, value: bytes) -> bytes:
    return writer.sequence(writer.oid(oid), writer.tlv(tags.SET, value))


def _signature_algorithm(key: SigningKey, digest: str) -> bytes:
    """For RSA rsaEncryption (RFC 3370 3.2): strongSwan knows no other here; for EC as everywhere."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _RSA
    return signatures.signature_algorithm(key, digest)
