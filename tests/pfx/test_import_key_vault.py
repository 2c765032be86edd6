"""Import keys that stay in their vault: every enabled version opens, the newest seals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.errors import IntegrityFailure, KeyUnavailable
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.vaults import Vaults
from shared.pfx.import_key_vault import VaultImportKeys
from shared.pfx.import_keys import UnknownImportKey, opened, versioned
from shared.store.parcels import SealedPassword
from tests.vault.clients import key_name, make_key, vaults_over
from tests.vault.server import FakeVault
from tests.vault.trouble import Says

SECRET = "pässword".encode()


@pytest.fixture
def vaults(vault: FakeVault) -> Iterator[Vaults]:
    with vaults_over(vault) as found:
        make_key(found, vault.url, "pfx-import", "rsa-2048", key_operations=["decrypt"])
        yield found


def import_keys(vault: FakeVault, vaults: Vaults, version: str = "") -> VaultImportKeys:
    """As a worker of its own has them."""
    return VaultImportKeys(key_name(vault, "pfx-import", version), KeyVaultKeys(vaults))


def open_password(keys: VaultImportKeys, password: SealedPassword) -> bytes:
    with opened(keys, password) as secret:
        return bytes(secret)


def test_what_is_sealed_opens_by_one_call_of_the_vault(vault: FakeVault, vaults: Vaults) -> None:
    sealed = import_keys(vault, vaults).versions()[0].seal(SECRET)
    keys = import_keys(vault, vaults)
    assert open_password(keys, sealed) == SECRET
    before = vault.calls.copy()
    assert open_password(keys, sealed) == SECRET
    assert vault.calls - before == {"keys/decrypt": 1}


def test_after_a_rotation_the_newest_seals_and_both_open(vault: FakeVault, vaults: Vaults) -> None:
    keys = import_keys(vault, vaults)
    first = keys.versions()[0].seal(SECRET)
    time.sleep(1.1)  # the vault's clock has whole seconds
    vaults.at(vault.url).keys.rotate_key("pfx-import")
    current, former = keys.versions()
    assert (former.name, former.version) == (first.key, first.version)
    second = current.seal(SECRET)
    assert second.version != first.version
    assert [open_password(keys, each) for each in (first, second)] == [SECRET, SECRET]
    assert versioned(keys, replace(first, version="")).version == first.version


def test_one_that_keeps_to_a_version_knows_no_other(vault: FakeVault, vaults: Vaults) -> None:
    (first,) = import_keys(vault, vaults).versions()
    vaults.at(vault.url).keys.rotate_key("pfx-import")
    keys = import_keys(vault, vaults, first.version)
    assert [key.version for key in keys.versions()] == [first.version]


def test_keys_of_others_are_named_as_such(vault: FakeVault, vaults: Vaults) -> None:
    keys = import_keys(vault, vaults)
    sealed = keys.versions()[0].seal(SECRET)
    for foreign in (replace(sealed, key="theirs"), replace(sealed, version="0" * 32)):
        with pytest.raises(UnknownImportKey, match="sealed to pfx-import"):
            open_password(keys, foreign)


def test_what_was_sealed_otherwise_does_not_open(vault: FakeVault, vaults: Vaults) -> None:
    keys = import_keys(vault, vaults)
    sealed = keys.versions()[0].seal(SECRET)
    with pytest.raises(IntegrityFailure, match="does not open"):
        open_password(keys, replace(sealed, ciphertext=bytes(256)))


def test_a_vault_that_is_away_is_waited_for(vault: FakeVault, vaults: Vaults) -> None:
    keys = import_keys(vault, vaults)
    sealed = keys.versions()[0].seal(SECRET)
    vault.script("keys/decrypt", Says(503), times=20)
    with pytest.raises(KeyUnavailable):
        open_password(keys, sealed)
    vault.forget_scripts()
    assert open_password(keys, sealed) == SECRET
