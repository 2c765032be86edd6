"""The device's side: opening what was sealed to it. For `manage.py pkcs`, the demo and tests."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from shared.cms.enveloped import EnvelopedMessage
from shared.cms.key_agreement import open_agreed
from shared.errors import AlgorithmRefused, IntegrityFailure
from shared.policy.pkcs import SealingForm

_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def open_sealed(form: SealingForm, data: bytes, key: object) -> bytes:
    """The secret. Raises IntegrityFailure if `key` does not open it, AlgorithmRefused, MalformedMessage."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return open_agreed(EnvelopedMessage.parse(data), key)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise AlgorithmRefused("a key of a kind that nothing is sealed to")
    if form == "rsa-oaep-256":
        return _decrypted(key, data, _OAEP)
    message = EnvelopedMessage.parse(data)
    for recipient in message.recipients:
        content = message.decrypted(_decrypted(key, recipient.wrapped_key, recipient.key_transport.padding))
        if content is not None:
            return content
    raise IntegrityFailure("the envelope does not open with this key")


def _decrypted(key: rsa.RSAPrivateKey, data: bytes, scheme: padding.AsymmetricPadding) -> bytes:
    try:
        return key.decrypt(data, scheme)
    except ValueError:
        raise IntegrityFailure("this key does not open what was sealed") from None
