"""KeyAgreeRecipientInfo (RFC 5652 6.2.2, RFC 5753): content sealed to an elliptic curve key.

ECDH with an ephemeral key against the recipient's static one (dhSinglePass-stdDH-sha256kdf), the content key wrapped
by AES-256 (RFC 3394). The counterpart `open_agreed` is for our own client and for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields
from shared.cms.enveloped import EnvelopedMessage
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage

CURVE: Final = ec.SECP256R1
_WRAP_SIZES: Final = {oids.AES_128_WRAP: 16, oids.AES_192_WRAP: 24, oids.AES_256_WRAP: 32}
_VERSION: Final = 3


def agreed(
    key: bytes,
    recipient: ec.EllipticCurvePublicKey,
    identifier: bytes,
    *,
    ephemeral: Callable[[], ec.EllipticCurvePrivateKey] = lambda: ec.generate_private_key(CURVE()),
) -> bytes:
    """[1] KeyAgreeRecipientInfo: the content key for the holder of `recipient`, by an `ephemeral` key.

    `identifier` is IssuerAndSerialNumber, or [0] RecipientKeyIdentifier. Raises AlgorithmRefused for another curve
    than P-256.
    """
    if not isinstance(recipient.curve, CURVE):
        raise AlgorithmRefused(f"key agreement on {recipient.curve.name}; P-256 is what is agreed on here")
    own = ephemeral()
    wrap = writer.sequence(writer.oid(oids.AES_256_WRAP))  # RFC 3565 2.3.2: no parameters
    kek = _derive(own.exchange(ec.ECDH(), recipient), wrap, b"", 32)
    point = own.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    originator = writer.context(1, writer.sequence(writer.oid(oids.EC_PUBLIC_KEY)) + writer.bit_string(point))
    encrypted = writer.sequence(identifier, writer.octet_string(aes_key_wrap(kek, key)))
    return writer.context(
        1,
        writer.integer(_VERSION)
        + writer.context(0, originator)
        + writer.sequence(writer.oid(oids.ECDH_STD_SHA256_KDF), wrap)
        + writer.sequence(encrypted),
    )


def open_agreed(message: EnvelopedMessage, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The content, if one of the recipients agreed with `key`. Raises IntegrityFailure, AlgorithmRefused."""
    for recipient in message.agreements:
        for wrapped in _wrapped_keys(recipient, key):
            content = message.decrypted(wrapped)
            if content is not None:
                return content
    raise IntegrityFailure("the envelope does not open with this key")


def _wrapped_keys(recipient: Element, key: ec.EllipticCurvePrivateKey) -> list[bytes]:
    """The content key as each RecipientEncryptedKey of a KeyAgreeRecipientInfo gives it; others do not unwrap."""
    fields = Fields(recipient)
    values.integer(fields.take())
    public = _originator(fields.take(tags.context(0)).only_child(), key.curve)
    ukm = fields.optional(tags.context(1))
    scheme = Fields(fields.take(tags.SEQUENCE))
    if values.oid(scheme.take()) != oids.ECDH_STD_SHA256_KDF:
        raise AlgorithmRefused("a key agreement scheme that is not known")
    wrap = scheme.take(tags.SEQUENCE)
    size = _WRAP_SIZES.get(values.oid(Fields(wrap).take()))
    if size is None:
        raise AlgorithmRefused("a key wrap that is not known")
    info = values.octets(ukm.only_child()) if ukm else b""
    kek = _derive(key.exchange(ec.ECDH(), public), wrap.encoded, info, size)
    found = []
    for each in fields.take(tags.SEQUENCE).children():
        try:
            found.append(aes_key_unwrap(kek, values.octets(each.children()[-1])))
        except (InvalidUnwrap, ValueError):
            continue
    return found


def _originator(choice: Element, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    if choice.tag != tags.context(1):
        raise AlgorithmRefused("an originator that is no ephemeral key")
    fields = Fields(choice)
    fields.take(tags.SEQUENCE)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, values.bits(fields.take()))
    except ValueError:
        raise MalformedMessage("an originator's key that is not on the recipient's curve") from None


def _derive(secret: bytes, wrap: bytes, ukm: bytes, size: int) -> bytes:
    """ANSI X9.63 over ECC-CMS-SharedInfo (RFC 5753 7.2): the wrap algorithm, the ukm if any, the length in bits."""
    parts = [wrap]
    if ukm:
        parts.append(writer.context(0, writer.octet_string(ukm)))
    parts.append(writer.context(2, writer.octet_string((8 * size).to_bytes(4, "big"))))
    return X963KDF(hashes.SHA256(), size, writer.sequence(*parts)).derive(secret)
