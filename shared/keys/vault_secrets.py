"""Secrets in Key Vault: every version of a name, read and written with the app's identity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from azure.core.exceptions import ResourceNotFoundError

from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.secrets import MOST_OCTETS, SecretVersion
from shared.keys.vault_budget import OTHER_COST
from shared.keys.vault_client import Vault
from shared.keys.vault_faults import Act
from shared.keys.vault_names import VaultName

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretProperties

READ_ROLE: Final = "Key Vault Secrets User"
WRITE_ROLE: Final = "Key Vault Secrets Officer"
T = TypeVar("T")


class VaultSecretStore:
    """The secrets of one vault. A managed HSM has none."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def versions(self, name: str) -> list[SecretVersion]:
        client = self._vault.secrets

        def listed(seconds: float) -> list[SecretProperties]:
            try:
                return list(client.list_properties_of_secret_versions(name, read_timeout=seconds))
            except ResourceNotFoundError:
                return []

        found = [_version(each) for each in self._ask("list", name, READ_ROLE, listed)]
        return sorted(found, key=lambda each: (each.created_at, each.version))

    def current(self, name: str) -> str | None:
        client = self._vault.secrets

        def found(seconds: float) -> str | None:
            try:
                return client.get_secret(name, read_timeout=seconds).value
            except ResourceNotFoundError:
                return None

        return self._ask("read", name, READ_ROLE, found)

    def read(self, name: str, version: str) -> str:
        client = self._vault.secrets
        secret = self._ask(
            "read",
            name,
            READ_ROLE,
            lambda seconds: client.get_secret(name, version, read_timeout=seconds),
            version,
        )
        return secret.value or ""

    def add(
        self, name: str, value: str, *, media_type: str, ends_at: datetime | None = None
    ) -> SecretVersion:
        if not 0 < len(value.encode()) <= MOST_OCTETS:
            raise IssuanceFault(f"write {name}: a value of {len(value.encode())} octets")
        client = self._vault.secrets
        made = self._ask(
            "write",
            name,
            WRITE_ROLE,
            lambda seconds: client.set_secret(
                name, value, content_type=media_type, expires_on=ends_at, read_timeout=seconds
            ),
        )
        return _version(made.properties)

    def _ask(self, verb: str, name: str, role: str, send: Callable[[float], T], version: str = "") -> T:
        return self._vault.ask(
            Act(verb, VaultName(self._vault.url, "secrets", name, version), role), OTHER_COST, send
        )


def _version(properties: SecretProperties) -> SecretVersion:
    if properties.version is None or properties.created_on is None:
        raise KeyUnavailable(f"the vault says nothing of when {properties.id} was made")
    return SecretVersion(
        version=properties.version,
        created_at=_whole(properties.created_on),
        ends_at=None if properties.expires_on is None else _whole(properties.expires_on),
        enabled=properties.enabled is not False,
    )


def _whole(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)
