"""Keys that never leave their vault, as pyca private keys: found by name, their public half read once per process.

A name without a version means the version that is current when it is first asked for; from then on this process
keeps to that version, and says so in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.errors import KeyUnavailable
from shared.keys.keyvault_ec import CURVES, VaultECKey
from shared.keys.keyvault_operations import ROLES, KeyOperations
from shared.keys.keyvault_rsa import VaultRSAKey
from shared.keys.ports import DecryptionKey, SigningKey
from shared.keys.vault_budget import OTHER_COST, operations
from shared.keys.vault_faults import Act, how_to_enable
from shared.keys.vault_names import VaultName
from shared.keys.vaults import Vaults

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyProperties, KeyVaultKey

log = logging.getLogger("scepter.vault")
T = TypeVar("T")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class KeyVaultKeys:
    """The keys of all vaults that this process asks. Thread-safe."""

    def __init__(self, vaults: Vaults) -> None:
        self._vaults = vaults
        self._found: dict[VaultName, SigningKey] = {}
        self._other_versions: dict[VaultName, list[SigningKey]] = {}
        self._lock = Lock()

    def signing_key(self, name: VaultName, public_key: object = None) -> SigningKey:
        """The key called `name`; the version with `public_key` if that is given and the name says no version.

        So a key that was rotated in the vault does not stop the CA whose certificate is for the version before.
        Raises KeyUnavailable, also where the key may not sign.
        """
        with self._lock:
            found = self._find(name, "sign")
            if public_key is None or name.version or found.public_key() == public_key:
                return found
            known = self._other_versions.setdefault(name, [])
            found = next((key for key in known if key.public_key() == public_key), None) or self._version_of(
                name, public_key
            )
            if found not in known:
                known.append(found)
            return found

    def decryption_key(self, name: VaultName) -> DecryptionKey:
        """The RSA key called `name`. Raises KeyUnavailable, also where the key may not decrypt."""
        with self._lock:
            found = self._find(name, "decrypt")
        if not isinstance(found, VaultRSAKey):
            raise KeyUnavailable(f"{name} cannot decrypt: it is not an RSA key")
        return found

    def versions(self, name: VaultName) -> list[str]:
        """The versions of the key that are enabled, the newest first; asked anew each time. Raises KeyUnavailable."""
        listed = self._listed(name)
        listed.sort(key=lambda each: each.created_on or _LONG_AGO, reverse=True)
        return [str(each.version) for each in listed]

    def _find(self, name: VaultName, operation: str) -> SigningKey:
        if name in self._found:
            return self._found[name]
        key = self._read(name)
        if key.properties.enabled is False:
            raise KeyUnavailable(f"{name}: {how_to_enable(name)}")
        if operation not in (permitted := [_text(each) for each in key.key_operations or ()]):
            raise KeyUnavailable(
                f"{name} may not {operation}; what it is permitted is {', '.join(permitted)}"
            )
        adapted = self._found[name] = self._adapt(key, name)
        return adapted

    def _version_of(self, name: VaultName, public_key: object) -> SigningKey:
        """The version of a key with that public key. Raises KeyUnavailable."""
        found = next((key for key in self._versions(name) if key.public_key() == public_key), None)
        if found is None:
            raise KeyUnavailable(f"no version of {name} is the key of that certificate")
        log.info("%s is not the current version of %s", found, name)
        return found

    def _versions(self, name: VaultName) -> Iterator[SigningKey]:
        """Every version of the key that is enabled."""
        for each in self._listed(name):
            version = replace(name, version=str(each.version))
            yield self._adapt(self._read(version), version)

    def _listed(self, name: VaultName) -> list[KeyProperties]:
        client = self._vaults.at(name.vault).keys
        listed = self._ask("list", name, lambda _: list(client.list_properties_of_key_versions(name.name)))
        return [each for each in listed if each.enabled and each.version]

    def _read(self, name: VaultName) -> KeyVaultKey:
        client = self._vaults.at(name.vault).keys
        return self._ask(
            "read",
            name,
            lambda seconds: client.get_key(name.name, name.version or None, read_timeout=seconds),
        )

    def _ask(self, verb: str, name: VaultName, send: Callable[[float], T]) -> T:
        return self._vaults.at(name.vault).ask(Act(verb, name, *ROLES), OTHER_COST, send)

    def _adapt(self, key: KeyVaultKey, name: VaultName) -> SigningKey:
        """`key` as pyca's, pinned to its version."""
        pinned = replace(name, version=str(key.properties.version))
        public_key = _public_key(key, pinned)
        cost = 1 / operations(_text(key.key_type), public_key.key_size)
        remote = KeyOperations(self._vaults.at(name.vault), key, pinned, cost)
        if not name.version:
            log.info("%s means %s from here on", name, pinned)
        if isinstance(public_key, rsa.RSAPublicKey):
            return VaultRSAKey(remote, public_key)
        return VaultECKey(remote, public_key)


def _public_key(key: KeyVaultKey, name: VaultName) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """A native key of pyca's, so that it equals the one in a certificate."""
    material: Any = key.key
    try:
        if _text(key.key_type).startswith("RSA"):
            return rsa.RSAPublicNumbers(_integer(material.e), _integer(material.n)).public_key()
        curve = CURVES[_text(material.crv)]
        return ec.EllipticCurvePublicNumbers(_integer(material.x), _integer(material.y), curve).public_key()
    except (KeyError, ValueError, TypeError):
        raise KeyUnavailable(f"{name} is neither an RSA key nor one on P-256, P-384 or P-521") from None


def _text(value: object) -> str:
    """The SDK mixes enumerations and plain strings."""
    return str(getattr(value, "value", value))


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
