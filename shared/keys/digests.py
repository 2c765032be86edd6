"""The digests this house knows: what is missing in the table is refused, what is legacy must be allowed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes

from shared.asn1 import oids, writer
from shared.errors import AlgorithmRefused


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest. `scep_capability` is its GetCACaps keyword (RFC 8894 3.5.2), None if there is none."""

    name: str
    oid: str
    algorithm: hashes.HashAlgorithm
    legacy: bool
    scep_capability: str | None

    def require(self, *, allow_legacy: bool) -> Digest:
        """This digest, if it may be used. Raises AlgorithmRefused."""
        if self.legacy and not allow_legacy:
            raise AlgorithmRefused(
                f"{self.name} is a legacy digest",
                public=f"The digest {self.label} is not accepted here; use SHA-256.",
            )
        return self

    @property
    def label(self) -> str:
        """Its name as people write it."""
        return self.scep_capability or self.name.upper()

    def compute(self, *parts: bytes) -> bytes:
        """The digest of the joined parts."""
        # By hashlib, which is quicker to begin; whether a legacy digest may be used was asked before.
        whole: bytes = getattr(hashlib, self.name)(b"".join(parts), usedforsecurity=False).digest()
        return whole

    @property
    def identifier(self) -> bytes:
        """AlgorithmIdentifier (DER) with NULL parameters: old stacks refuse it without (RFC 5754 2)."""
        return _identifier(self.oid)


@lru_cache(maxsize=8)
def _identifier(oid: str) -> bytes:
    return writer.sequence(writer.oid(oid), writer.null())


_SHA1: Final = hashes.SHA1()  # noqa: S303 - legacy, and flagged so
_MD5: Final = hashes.MD5()  # noqa: S303

DIGESTS: Final = (
    Digest("sha256", oids.SHA256, hashes.SHA256(), legacy=False, scep_capability="SHA-256"),
    Digest("sha384", oids.SHA384, hashes.SHA384(), legacy=False, scep_capability="SHA-384"),
    Digest("sha512", oids.SHA512, hashes.SHA512(), legacy=False, scep_capability="SHA-512"),
    Digest("sha1", oids.SHA1, _SHA1, legacy=True, scep_capability="SHA-1"),
    Digest("md5", oids.MD5, _MD5, legacy=True, scep_capability=None),
)
_BY_NAME: Final = {digest.name: digest for digest in DIGESTS}
_BY_OID: Final = {digest.oid: digest for digest in DIGESTS}


def by_name(name: str) -> Digest:
    """The digest called `name` ("sha256", "sha384", "sha512", "sha1", "md5"). Raises AlgorithmRefused."""
    if name not in _BY_NAME:
        raise AlgorithmRefused(f"digest {name} is not known")
    return _BY_NAME[name]


def by_oid(oid: str) -> Digest:
    """The digest with this identifier. Raises AlgorithmRefused."""
    if oid not in _BY_OID:
        raise AlgorithmRefused(f"digest {oid} is not known")
    return _BY_OID[oid]
