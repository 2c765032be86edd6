"""How the product's own adapters reach a fake vault: its root trusted, its audience named, a token of the fake's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.keys.ports import SigningKey
from shared.keys.vault_names import VaultName
from shared.keys.vault_transport import VaultTransport
from shared.keys.vaults import Vaults
from tests.vault.credential import AUDIENCE, FakeCredential
from tests.vault.server import FakeVault


@contextmanager
def vaults_over(
    vault: FakeVault, *, credential: FakeCredential | None = None, **options: Any
) -> Iterator[Vaults]:
    """What a process that uses the vault has; `options` are of Vaults."""
    transport = VaultTransport(trust=str(vault.trust))
    vaults = Vaults(credential or FakeCredential(), transport, audience=AUDIENCE, **options)
    yield vaults
    transport.close()


def key_name(vault: FakeVault, name: str, version: str = "") -> VaultName:
    return VaultName(vault.url, "keys", name, version)


def make_key(
    vaults: Vaults, url: str, name: str, algorithm: str, *, hsm: bool = True, **options: Any
) -> None:
    """A key in the vault at `url`, by the SDK; algorithms are named as for software keys, and p-521."""
    client, (family, size) = vaults.at(url).keys, algorithm.split("-")
    if family == "rsa":
        client.create_rsa_key(name, size=int(size), hardware_protected=hsm, **options)
    else:
        client.create_ec_key(name, curve=f"P-{size}", hardware_protected=hsm, **options)


def version_of(key: SigningKey) -> str:
    """The version that a vault key is pinned to, as it tells."""
    return repr(key).rstrip(">").rpartition("/")[2]
