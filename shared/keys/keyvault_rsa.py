"""An RSA key in a vault (RFC 8017): signs PKCS #1 v1.5 and PSS, decrypts PKCS #1 v1.5 and OAEP with SHA-256.

The vault's PSS salt is always as long as the digest, and its OAEP with SHA-2 knows SHA-256 only. Whatever else is
asked for is refused here: the vault would do something else without a word.
"""

from __future__ import annotations

from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from shared.errors import AlgorithmRefused, IssuanceFault
from shared.keys import digests
from shared.keys.keyvault_operations import KeyOperations

_OAEP_256: Final = OAEP(MGF1(SHA256()), SHA256(), None)


class VaultRSAKey(rsa.RSAPrivateKey):
    """Hashes here and signs there, in one call."""

    def __init__(self, operations: KeyOperations, public_key: rsa.RSAPublicKey) -> None:
        self._operations, self._public_key = operations, public_key

    def sign(
        self,
        data: bytes,
        padding: AsymmetricPadding,
        algorithm: asymmetric_utils.Prehashed | asymmetric_utils.NoDigestInfo | HashAlgorithm,
    ) -> bytes:
        digest = sha2(algorithm)
        if padding == PKCS1v15():
            name = f"RS{digest.algorithm.digest_size * 8}"
        elif padding == PSS(MGF1(digest.algorithm), PSS.DIGEST_LENGTH):
            name = f"PS{digest.algorithm.digest_size * 8}"
        else:
            raise AlgorithmRefused("a vault key signs PKCS #1 v1.5, or PSS with DIGEST_LENGTH and one digest")
        return self._operations.sign(name, digest.compute(data))

    def decrypt(self, ciphertext: bytes, padding: AsymmetricPadding) -> bytes:
        if padding == PKCS1v15():
            return self._operations.decrypt("RSA1_5", ciphertext)
        if padding == _OAEP_256:
            return self._operations.decrypt("RSA-OAEP-256", ciphertext)
        raise AlgorithmRefused("a vault key decrypts PKCS #1 v1.5, or OAEP with SHA-256 and no label")

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public_key

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def __repr__(self) -> str:
        return f"<VaultRSAKey {self._operations.name}>"

    def __copy__(self) -> VaultRSAKey:
        return self  # nothing in it changes

    def __deepcopy__(self, memo: object) -> VaultRSAKey:
        return self

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise IssuanceFault("a vault key does not leave its vault")

    private_bytes = private_numbers = _refuse


def sha2(algorithm: object) -> digests.Digest:
    """The digest that a vault signs with. Raises AlgorithmRefused; what is hashed already is refused too."""
    if isinstance(algorithm, SHA256 | SHA384 | SHA512):
        return digests.by_name(algorithm.name)
    raise AlgorithmRefused(
        "a vault key signs with SHA-256, SHA-384 or SHA-512 over data that it was given whole"
    )
