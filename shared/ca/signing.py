"""The CA's signing key, wrapped: it lints the exact bytes it is asked to sign, then lets the real key sign them.

Both classes are pyca private keys, so every builder of `cryptography` takes them, and whatever a builder composed
is linted too. They cannot be exported, copied, or used to decrypt.
"""

from __future__ import annotations

from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from shared.ca.lint import Linter
from shared.errors import IssuanceFault
from shared.keys.ports import SigningKey
from shared.keys.signatures import parse_scheme

Buffer = bytes | bytearray | memoryview


def linting_key(key: SigningKey, linter: Linter) -> SigningKey:
    """`key` behind `linter`."""
    if isinstance(key, rsa.RSAPrivateKey):
        return LintingRSAKey(key, linter)
    return LintingECKey(key, linter)


class _Sealed:
    """What a wrapped key never does."""

    _linter: Linter

    def _lint(self, data: bytes, digest: object) -> None:
        """Raises IssuanceFault unless `data` may be signed, over the one digest that the CA's algorithm names."""
        if not isinstance(digest, HashAlgorithm):
            raise IssuanceFault("a CA key signs what it has read, not a digest")
        named = parse_scheme(self._linter.algorithm).digest
        if named is None or named.name != digest.name:
            raise IssuanceFault(f"the CA's signature algorithm is not with {digest.name}")
        self._linter.lint(data)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise IssuanceFault("a CA key signs; it is neither exported, copied nor used to decrypt")

    def __copy__(self) -> NoReturn:
        self._refuse()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._refuse()

    def __reduce__(self) -> NoReturn:
        self._refuse()


class LintingRSAKey(_Sealed, rsa.RSAPrivateKey):
    """An RSA CA key behind its linter."""

    def __init__(self, key: rsa.RSAPrivateKey, linter: Linter) -> None:
        self._key, self._linter = key, linter

    def sign(
        self,
        data: bytes,
        padding: padding.AsymmetricPadding,
        algorithm: asymmetric_utils.Prehashed | asymmetric_utils.NoDigestInfo | HashAlgorithm,
    ) -> bytes:
        if not isinstance(padding, PKCS1v15):
            raise IssuanceFault("the CA's signature algorithm is PKCS #1 v1.5 and no other")
        self._lint(data, algorithm)
        return self._key.sign(data, padding, algorithm)

    def public_key(self) -> rsa.RSAPublicKey:
        return self._key.public_key()

    @property
    def key_size(self) -> int:
        return self._key.key_size

    decrypt = private_bytes = private_numbers = _Sealed._refuse


class LintingECKey(_Sealed, ec.EllipticCurvePrivateKey):
    """An EC CA key behind its linter."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, linter: Linter) -> None:
        self._key, self._linter = key, linter

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        self._lint(bytes(data), signature_algorithm.algorithm)
        return self._key.sign(data, signature_algorithm)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._key.curve

    @property
    def key_size(self) -> int:
        return self._key.key_size

    exchange = private_bytes = private_numbers = _Sealed._refuse
