"""What may be used in CMS, one table per kind (RFC 3370, 3560, 3565, 5754); what is in no table is refused.

The digests are the whole house's, `shared.keys.digests`. GetCACaps is derived from these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields
from shared.errors import AlgorithmRefused, MalformedMessage
from shared.keys.digests import DIGESTS, Digest, by_name
from shared.keys.signatures import digest_parameter, mask_parameter

__all__ = ["CIPHERS", "DIGESTS", "ContentCipher", "KeyTransport", "cipher_by_name", "cipher_by_oid"]


@dataclass(frozen=True, slots=True)
class ContentCipher:
    """A block cipher in CBC mode with PKCS #7 padding. Sizes are octets; the IV has the size of a block."""

    name: str
    oid: str
    key_size: int
    block_size: int
    algorithm: Callable[[bytes], CipherAlgorithm]
    legacy: bool
    scep_capability: str | None

    def require(self, *, allow_legacy: bool) -> ContentCipher:
        """This cipher, if it may be used. Raises AlgorithmRefused."""
        if self.legacy and not allow_legacy:
            raise AlgorithmRefused(
                f"{self.name} is a legacy cipher",
                public=f"The cipher {self.label} is not accepted here; use AES-128-CBC or AES-256-CBC.",
            )
        return self

    @property
    def label(self) -> str:
        """Its name as people write it."""
        return self.name.upper()

    def encrypt(self, key: bytes, iv: bytes, content: bytes) -> bytes:
        """`content` padded and encrypted."""
        pad = PKCS7(self.block_size * 8).padder()
        context = Cipher(self.algorithm(key), modes.CBC(iv)).encryptor()
        return context.update(pad.update(content) + pad.finalize()) + context.finalize()

    def decrypt(self, key: bytes, iv: bytes, encrypted: bytes) -> bytes:
        """`encrypted` decrypted and its padding removed. Raises ValueError if either cannot be done."""
        context = Cipher(self.algorithm(key), modes.CBC(iv)).decryptor()
        unpad = PKCS7(self.block_size * 8).unpadder()
        return unpad.update(context.update(encrypted) + context.finalize()) + unpad.finalize()


def _single_des(key: bytes) -> TripleDES:
    return TripleDES(key * 3)


CIPHERS: Final = (
    ContentCipher("aes-128-cbc", oids.AES_128_CBC, 16, 16, AES, legacy=False, scep_capability="AES"),
    ContentCipher("aes-192-cbc", oids.AES_192_CBC, 24, 16, AES, legacy=False, scep_capability="AES"),
    ContentCipher("aes-256-cbc", oids.AES_256_CBC, 32, 16, AES, legacy=False, scep_capability="AES"),
    ContentCipher("des-ede3-cbc", oids.DES_EDE3_CBC, 24, 8, TripleDES, legacy=True, scep_capability="DES3"),
    ContentCipher("des-cbc", oids.DES_CBC, 8, 8, _single_des, legacy=True, scep_capability=None),
)
_BY_NAME: Final = {cipher.name: cipher for cipher in CIPHERS}
_BY_OID: Final = {cipher.oid: cipher for cipher in CIPHERS}


def cipher_by_name(name: str) -> ContentCipher:
    """The content cipher called `name` ("aes-256-cbc", ...). Raises AlgorithmRefused."""
    if name not in _BY_NAME:
        raise AlgorithmRefused(f"content cipher {name} is not known")
    return _BY_NAME[name]


def cipher_by_oid(oid: str) -> ContentCipher:
    """The content cipher with this identifier. Raises AlgorithmRefused."""
    if oid not in _BY_OID:
        raise AlgorithmRefused(f"content cipher {oid} is not known")
    return _BY_OID[oid]


@dataclass(frozen=True, slots=True)
class KeyTransport:
    """How the content key is encrypted to an RSA key."""

    name: str
    padding: padding.AsymmetricPadding

    @classmethod
    def named(cls, name: str) -> KeyTransport:
        """By name: "rsa" (PKCS #1 v1.5), "rsa-oaep" (SHA-1), "rsa-oaep-256". Raises AlgorithmRefused."""
        if name == "rsa":
            return cls(name, padding.PKCS1v15())
        digest = _OAEP_DIGESTS.get(name)
        if digest is None:
            raise AlgorithmRefused(f"key transport {name} is not known")
        return _oaep(digest, digest, None)

    @classmethod
    def parse(cls, identifier: Element) -> KeyTransport:
        """From a KeyEncryptionAlgorithmIdentifier. Raises AlgorithmRefused, MalformedMessage."""
        fields = Fields(identifier.expect(tags.SEQUENCE))
        oid = values.oid(fields.take())
        if oid == oids.RSA_ENCRYPTION:
            return cls.named("rsa")
        if oid != oids.RSAES_OAEP:
            raise AlgorithmRefused(f"key transport {oid} is not known")
        return _parse_oaep(fields.take(tags.SEQUENCE)) if fields.more() else cls.named("rsa-oaep")

    def identifier(self) -> bytes:
        """AlgorithmIdentifier, DER, of a transport made by `named`."""
        digest = _OAEP_DIGESTS.get(self.name)
        if digest is None:
            return writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())
        if digest.oid == oids.SHA1:  # the default of every parameter (RFC 4055 4.1)
            return writer.sequence(writer.oid(oids.RSAES_OAEP), writer.sequence())
        mask = writer.sequence(writer.oid(oids.MGF1), digest.identifier)
        parameters = writer.sequence(writer.context(0, digest.identifier), writer.context(1, mask))
        return writer.sequence(writer.oid(oids.RSAES_OAEP), parameters)


# SHA-1 is sound in OAEP: nothing there depends on collisions (RFC 8017 B.1)
_OAEP_DIGESTS: Final = {"rsa-oaep": by_name("sha1"), "rsa-oaep-256": by_name("sha256")}


def _oaep(digest: Digest, mask: Digest, label: bytes | None) -> KeyTransport:
    name = next((name for name, known in _OAEP_DIGESTS.items() if known == digest), None)
    if name is None or mask not in _OAEP_DIGESTS.values():
        raise AlgorithmRefused(f"OAEP with {digest.name} and MGF1 with {mask.name} is not accepted")
    return KeyTransport(name, padding.OAEP(padding.MGF1(mask.algorithm), digest.algorithm, label))


def _parse_oaep(parameters: Element) -> KeyTransport:
    """RSAES-OAEP-params (RFC 4055 4.1), each with its default."""
    fields = Fields(parameters)
    digest = digest_parameter(fields.optional(tags.context(0)))
    mask = mask_parameter(fields.optional(tags.context(1)))
    source = fields.optional(tags.context(2))
    fields.finish()
    return _oaep(digest, mask, _label(source) if source else None)


def _label(source: Element) -> bytes | None:
    fields = Fields(source.only_child().expect(tags.SEQUENCE))
    if values.oid(fields.take()) != oids.P_SPECIFIED:
        raise MalformedMessage("an OAEP label that is not given in the message")
    return values.octets(fields.take()) or None
