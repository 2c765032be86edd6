"""Import keys in a vault: every enabled version of one key opens, and the newest seals. Rotate it in the vault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from shared.keys.ports import DecryptionKey
from shared.keys.vault_names import VaultName
from shared.pfx.import_keys import ImportKey


class VersionedKeys(Protocol):
    """Keys of a vault by name and version."""

    def versions(self, name: VaultName) -> Sequence[str]:
        """Those that are enabled, the newest first. Raises KeyUnavailable."""

    def decryption_key(self, name: VaultName) -> DecryptionKey:
        """The RSA key called `name`. Raises KeyUnavailable."""


class VaultImportKeys:
    """ImportKeys. A `name` with a version keeps to that one."""

    def __init__(self, name: VaultName, keys: VersionedKeys) -> None:
        self._name, self._keys = name, keys
        self._opening: dict[str, DecryptionKey] = {}

    def versions(self) -> Sequence[ImportKey]:
        listed = [self._name.version] if self._name.version else self._keys.versions(self._name)
        return [ImportKey(self._name.name, version, self._open(version).public_key()) for version in listed]

    def decryption_key(self, name: str, version: str) -> DecryptionKey | None:
        if name != self._name.name:
            return None
        if version not in self._opening and version not in [key.version for key in self.versions()]:
            return None
        return self._open(version)

    def _open(self, version: str) -> DecryptionKey:
        if version not in self._opening:
            self._opening[version] = self._keys.decryption_key(replace(self._name, version=version))
        return self._opening[version]
