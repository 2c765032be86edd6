"""An EC key in a vault (RFC 7518 3.4): ECDSA on P-256, P-384 or P-521, each with the one digest of its size."""

from __future__ import annotations

from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from shared.errors import AlgorithmRefused, IssuanceFault, KeyUnavailable
from shared.keys.keyvault_operations import KeyOperations
from shared.keys.keyvault_rsa import sha2

CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_ALGORITHMS: Final = {
    "secp256r1": ("ES256", "sha256"),
    "secp384r1": ("ES384", "sha384"),
    "secp521r1": ("ES512", "sha512"),
}


class VaultECKey(ec.EllipticCurvePrivateKey):
    """Hashes here and signs there, in one call."""

    def __init__(self, operations: KeyOperations, public_key: ec.EllipticCurvePublicKey) -> None:
        self._operations, self._public_key = operations, public_key

    def sign(
        self, data: bytes | bytearray | memoryview, signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> bytes:
        algorithm, digest_name = _ALGORITHMS[self.curve.name]
        digest = sha2(signature_algorithm.algorithm)
        if not isinstance(signature_algorithm, ec.ECDSA) or digest.name != digest_name:
            raise AlgorithmRefused(f"a vault key on {self.curve.name} signs ECDSA with {digest_name} only")
        if signature_algorithm.deterministic_signing:
            raise AlgorithmRefused("a vault signs with randomness of its own")
        return self._to_der(self._operations.sign(algorithm, digest.compute(bytes(data))))

    def _to_der(self, raw: bytes) -> bytes:
        """Ecdsa-Sig-Value (RFC 3279 2.2.3) of r and s side by side, as JSON Web Signature has them."""
        half = (self.key_size + 7) // 8
        if len(raw) != 2 * half:
            raise KeyUnavailable(
                f"sign {self._operations.name}: a signature of {len(raw)} octets for this curve"
            )
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def __repr__(self) -> str:
        return f"<VaultECKey {self._operations.name}>"

    def __copy__(self) -> VaultECKey:
        return self  # nothing in it changes

    def __deepcopy__(self, memo: object) -> VaultECKey:
        return self

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise IssuanceFault("a vault key does not leave its vault, and a vault derives no shared secrets")

    exchange = private_bytes = private_numbers = _refuse
