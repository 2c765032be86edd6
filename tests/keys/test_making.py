"""Keys made in a vault for a ceremony: versions of one key, which sign and do nothing else."""

from __future__ import annotations

import pytest

from shared.errors import IssuanceFault
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.keyvault_making import ALGORITHMS, VaultKeyMaker
from shared.keys.ports import public_key_info
from shared.keys.vault_names import VaultName
from shared.keys.vaults import Vaults
from tests.vault.clients import key_name
from tests.vault.server import FakeVault


def maker(vaults: Vaults, name: VaultName, *, hardware: bool = True) -> VaultKeyMaker:
    return VaultKeyMaker(vaults, KeyVaultKeys(vaults), name, hardware)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("hardware", [True, False], ids=["hsm", "software"])
def test_a_key_is_made_where_it_stays(
    vault: FakeVault, vaults: Vaults, algorithm: str, hardware: bool
) -> None:
    making = maker(vaults, key_name(vault, f"made-{algorithm}-{hardware}"), hardware=hardware)
    assert making.newest() is None
    made = making.make(algorithm)
    kept = vaults.at(vault.url).keys.get_key(making.name.name)
    family = "RSA" if algorithm.startswith("rsa") else "EC"
    assert (kept.key_type, kept.key_operations) == (family + "-HSM" * hardware, ["sign"])
    assert algorithm.rpartition("-")[2] == str(made.key_size)
    newest = making.newest()
    assert newest is not None
    assert newest.public_key() == made.public_key()


def test_a_successor_is_another_version_and_the_one_before_still_signs(
    vault: FakeVault, vaults: Vaults
) -> None:
    making = maker(vaults, key_name(vault, "issuing"))
    first, second = making.make("p-256"), making.make("p-384")
    assert public_key_info(first) != public_key_info(second)
    keys = KeyVaultKeys(vaults)
    for each in (first, second):
        assert keys.signing_key(making.name, each.public_key()).public_key() == each.public_key()


@pytest.mark.parametrize("algorithm", ["dsa", "rsa-1024", "p-224", "", "P-256"])
def test_another_kind_is_refused_before_the_vault_is_asked(
    vault: FakeVault, vaults: Vaults, algorithm: str
) -> None:
    vault.calls.clear()
    with pytest.raises(ValueError, match="not one of"):
        maker(vaults, key_name(vault, "x")).make(algorithm)
    assert not vault.calls


def test_a_name_with_a_version_makes_no_other(vault: FakeVault, vaults: Vaults) -> None:
    with pytest.raises(ValueError, match="names a version"):
        maker(vaults, key_name(vault, "x", "0" * 32)).make("p-256")


def test_a_vault_without_an_hsm_says_what_to_type(vault: FakeVault, vaults: Vaults) -> None:
    from tests.vault.trouble import Says

    vault.script("keys/create", Says(400, "BadParameter"))
    with pytest.raises(IssuanceFault, match="--software"):
        maker(vaults, key_name(vault, "x")).make("p-256")
