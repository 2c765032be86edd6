"""A PasswordSealer for RSA keys: CMS EnvelopedData by RSA-OAEP with SHA-256 and AES-256-CBC."""

from __future__ import annotations

from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec

from shared.cms.enveloped import MIN_RSA_BITS, seal
from shared.errors import AlgorithmRefused, PolicyViolation
from shared.x509.certificate import Certificate


class EnvelopedSealer:
    """PasswordSealer. `key_transport` is one of shared/cms/algorithms.py: "rsa-oaep-256", or "rsa" (PKCS #1 v1.5)."""

    def __init__(self, key_transport: str = "rsa-oaep-256") -> None:
        self._key_transport = key_transport

    def check(self, recipient: Certificate) -> None:
        key = recipient.public_key
        if isinstance(key, ec.EllipticCurvePublicKey):
            raise _refused("the recipient has an EC key, and passwords are sealed to RSA keys")
        if key.key_size < MIN_RSA_BITS:
            raise _refused(f"the recipient's RSA key has {key.key_size} bits, and {MIN_RSA_BITS} are needed")
        usage = recipient.key_usage
        if usage is not None and "keyEncipherment" not in usage:
            reason = "the recipient's certificate does not allow keyEncipherment"  # RFC 5280 4.2.1.3
            raise PolicyViolation(reason, public=f"{reason[0].upper()}{reason[1:]}.")

    def seal(self, secret: bytearray, recipient: Certificate) -> bytes:
        self.check(recipient)
        # A bytearray is as good as bytes for all that reads a buffer; converting it would leave a copy behind.
        content = cast("bytes", secret)
        return seal(content, recipient.der, recipient.public_key, key_transport=self._key_transport)


def _refused(reason: str) -> AlgorithmRefused:
    return AlgorithmRefused(reason, public=f"{reason[0].upper()}{reason[1:]}.")
