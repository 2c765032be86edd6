"""The keys that passwords of imported PFX files are sealed to, by RSA-OAEP with SHA-256 (RFC 8017 7.1).

Never with SHA-384 or SHA-512: a key in Key Vault could not open it. Several keys stand side by side while parcels move
from one to the next, so a sealed password names its key and the version of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.errors import AlgorithmRefused, IntegrityFailure, PolicyViolation
from shared.keys.ports import DecryptionKey
from shared.store.parcels import SealedPassword

PADDING: Final = "oaepSha256"
"""What Intune calls it."""
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
_OVERHEAD: Final = 2 * 32 + 2  # octets of an RSA-OAEP ciphertext that are not message (RFC 8017 7.1.1)


def oaep() -> padding.OAEP:
    """The padding."""
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def check_padding(scheme: str) -> None:
    """Raises AlgorithmRefused unless the password was encrypted with OAEP and SHA-256, in Intune's words."""
    if scheme.lower() != PADDING.lower():
        reason = (
            f"padding {scheme!r:.40} cannot be opened by a key in Key Vault; encrypt the password again with "
            f"{PADDING}, as New-IntuneUserPfxCertificate -PaddingScheme OaepSha256 does"
        )
        raise AlgorithmRefused(reason, public=f"{reason[0].upper()}{reason[1:]}.")


@dataclass(frozen=True, slots=True)
class ImportKey:
    """The public half of one version of an import key."""

    name: str
    version: str
    public_key: rsa.RSAPublicKey = field(repr=False)

    @property
    def longest_password(self) -> int:
        """In octets."""
        return self.public_key.key_size // 8 - _OVERHEAD

    def seal(self, password: bytes) -> SealedPassword:
        """Raises PolicyViolation for a password that is too long."""
        if len(password) > self.longest_password:
            reason = (
                f"the password has {len(password)} octets, and the import key takes {self.longest_password}"
            )
            raise PolicyViolation(reason, public=f"{reason[0].upper()}{reason[1:]}.")
        return SealedPassword(self.name, self.version, self.public_key.encrypt(password, oaep()))


class ImportKeys(Protocol):
    """All versions of the import key that can still open a parcel."""

    def versions(self) -> Sequence[ImportKey]:
        """The current one first; at least one. Raises KeyUnavailable."""

    def decryption_key(self, name: str, version: str) -> DecryptionKey | None:
        """None if there never was such a key here. Raises KeyUnavailable for one that cannot be used now."""


class UnknownImportKey(PolicyViolation):
    """A password that is sealed to a key of somebody else."""


@contextmanager
def opened(keys: ImportKeys, password: SealedPassword) -> Iterator[bytearray]:
    """The password itself, in memory that is overwritten at the end; copies made inside are not ours to wipe.

    Raises UnknownImportKey, IntegrityFailure, KeyUnavailable.
    """
    secret, _ = _open(keys, password)
    try:
        yield secret
    finally:
        wipe(secret)


def wipe(secret: bytearray) -> None:
    """Overwrite it."""
    secret[:] = bytes(len(secret))


def versioned(keys: ImportKeys, password: SealedPassword) -> SealedPassword:
    """The same password with the version of the key that opens it. Raises what `opened` raises."""
    secret, version = _open(keys, password)
    wipe(secret)
    return replace(password, version=version)


def _open(keys: ImportKeys, password: SealedPassword) -> tuple[bytearray, str]:
    """The password, and the version that opened it; every version by its name is tried if it names none."""
    for version in [password.version] if password.version else _versions(keys, password.key):
        key = keys.decryption_key(password.key, version)
        if key is None:
            raise _unknown(keys, f"{password.key}/{version}")
        try:
            secret = bytearray(key.decrypt(password.ciphertext, oaep()))
        except ValueError:
            continue
        if not secret:
            reason = f"an empty password was sealed to import key {password.key}"
            raise IntegrityFailure(reason, public="The password is empty.")
        return secret, version
    raise _does_not_open(password)


def _versions(keys: ImportKeys, name: str) -> list[str]:
    found = [key.version for key in keys.versions() if key.name == name]
    if not found:
        raise _unknown(keys, name)
    return found


def _unknown(keys: ImportKeys, asked: str) -> UnknownImportKey:
    ours = ", ".join(dict.fromkeys(key.name for key in keys.versions()))
    reason = f"import key {asked!r:.120} is not one of ours; passwords have to be sealed to {ours}"
    return UnknownImportKey(reason, public=f"{reason[0].upper()}{reason[1:]}.")


def _does_not_open(password: SealedPassword) -> IntegrityFailure:
    name = f"{password.key}/{password.version}" if password.version else password.key
    why = "it was sealed to another key, or with other padding"
    return IntegrityFailure(
        f"the password does not open with import key {name!r:.120}: {why}",
        public=f"The password does not open with that import key: {why}.",
    )
