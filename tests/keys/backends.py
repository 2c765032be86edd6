"""Where keys and secrets of the contract suites come from: this process, the fake vault, or a vault that is given.

SCEPTER_TEST_VAULT_URL adds a vault or emulator of one's own, as docs/keys.md tells.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.keys import software
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.memory_secrets import MemorySecretStore
from shared.keys.ports import SigningKey
from shared.keys.secrets import SecretStore
from shared.keys.vault_names import VaultName
from shared.keys.vault_secrets import VaultSecretStore
from shared.keys.vault_transport import VaultTransport
from shared.keys.vaults import Vaults
from tests.vault.clients import make_key

GIVEN_URL = os.environ.get("SCEPTER_TEST_VAULT_URL", "")
ALGORITHMS = ("rsa-2048", "p-256", "p-384", "p-521")


@dataclass
class Backend:
    """`key` gives a key of an algorithm, always the same one; `secrets` a store; `name` a name nobody else has."""

    key: Callable[[str], SigningKey]
    secrets: SecretStore
    disable: Callable[[str, str], None]
    prefix: str = field(default_factory=lambda: f"scepter-test-{secrets.token_hex(4)}")

    def name(self) -> str:
        return f"{self.prefix}-{secrets.token_hex(4)}"


def software_backend() -> Backend:
    made: dict[str, SigningKey] = {}

    def key(algorithm: str) -> SigningKey:
        if algorithm not in made:
            p521 = algorithm == "p-521"  # for verifying only: no software CA has it
            made[algorithm] = (
                ec.generate_private_key(ec.SECP521R1()) if p521 else software.generate(algorithm)
            )
        return made[algorithm]

    store = MemorySecretStore()
    return Backend(key, store, lambda name, version: store.enable(name, version, False))


def vault_backend(vaults: Vaults, url: str, *, hsm: bool) -> Backend:
    keys, vault = KeyVaultKeys(vaults), vaults.at(url)
    made: dict[str, SigningKey] = {}

    def key(algorithm: str) -> SigningKey:
        if algorithm not in made:
            name = f"{backend.prefix}-{algorithm}"
            permitted = ["sign", "decrypt"] if algorithm.startswith("rsa") else ["sign"]
            make_key(vaults, url, name, algorithm, hsm=hsm, key_operations=permitted)
            made[algorithm] = keys.signing_key(VaultName(url, "keys", name))
        return made[algorithm]

    def disable(name: str, version: str) -> None:
        vault.secrets.update_secret_properties(name, version, enabled=False)

    backend = Backend(key, VaultSecretStore(vault), disable)
    return backend


class _StaticToken:
    """For emulators that take any token."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(os.environ["SCEPTER_TEST_VAULT_TOKEN"], 4_000_000_000)


@contextmanager
def given_backend() -> Iterator[Backend]:
    """The vault of the environment; what the tests made there is deleted, and purged where that is allowed."""
    from azure.identity import DefaultAzureCredential

    environment = os.environ
    credential: Any = (
        _StaticToken() if "SCEPTER_TEST_VAULT_TOKEN" in environment else DefaultAzureCredential()
    )
    transport = VaultTransport(trust=environment.get("SCEPTER_TEST_VAULT_TRUST", ""))
    audience = environment.get("SCEPTER_TEST_VAULT_AUDIENCE", "")
    vaults = Vaults(credential, transport, audience=audience)
    backend = vault_backend(vaults, GIVEN_URL, hsm="SCEPTER_TEST_VAULT_HSM" in environment)
    yield backend
    vault = vaults.at(GIVEN_URL)
    for listed, delete, purge in (
        (vault.keys.list_properties_of_keys(), vault.keys.begin_delete_key, vault.keys.purge_deleted_key),
        (
            vault.secrets.list_properties_of_secrets(),
            vault.secrets.begin_delete_secret,
            vault.secrets.purge_deleted_secret,
        ),
    ):
        for name in {str(each.name) for each in listed if str(each.name).startswith(backend.prefix)}:
            delete(name).wait()
            try:
                purge(name)
            except HttpResponseError:
                continue  # purge protection: it ends by itself
    transport.close()


def decrypting(key: SigningKey) -> rsa.RSAPrivateKey:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
