"""What every secret store promises: versions side by side, oldest first, and each to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.secrets import MOST_OCTETS, SecretVersion
from shared.keys.vault_secrets import VaultSecretStore
from shared.keys.vaults import Vaults
from tests.keys.backends import Backend
from tests.vault.clients import vaults_over
from tests.vault.server import FakeVault
from tests.vault.trouble import Reset, Says

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
TEXT = "text/plain"


def test_what_is_not_there_has_no_versions(backend: Backend) -> None:
    assert backend.secrets.versions(backend.name()) == []


@pytest.mark.parametrize(
    "value", ["a", "-----BEGIN X-----\r\nAA==\n-----END X-----\n", "Ünïcödé 名前 😀", "x" * MOST_OCTETS]
)
def test_a_value_comes_back_as_it_was(backend: Backend, value: str) -> None:
    name = backend.name()
    made = backend.secrets.add(name, value, media_type=TEXT)
    assert backend.secrets.read(name, made.version) == value
    assert backend.secrets.versions(name) == [made]
    assert made.enabled
    assert made.ends_at is None
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert made.created_at.microsecond == 0


@pytest.mark.parametrize("value", ["", "x" * (MOST_OCTETS + 1), "é" * (MOST_OCTETS // 2 + 1)])
def test_a_value_of_no_size_or_too_much(backend: Backend, value: str) -> None:
    with pytest.raises(IssuanceFault):
        backend.secrets.add(backend.name(), value, media_type=TEXT)


def test_versions_live_side_by_side_oldest_first(backend: Backend) -> None:
    name = backend.name()
    made = [backend.secrets.add(name, f"value {number}", media_type=TEXT) for number in range(3)]
    listed = backend.secrets.versions(name)
    assert sorted(listed, key=lambda each: each.version) == sorted(made, key=lambda each: each.version)
    assert [each.created_at for each in listed] == sorted(each.created_at for each in made)
    assert {backend.secrets.read(name, each.version) for each in listed} == {f"value {n}" for n in range(3)}


def test_the_current_version_is_the_one_that_was_written_last(backend: Backend) -> None:
    name = backend.name()
    assert backend.secrets.current(name) is None
    for number in range(4):  # within one second, by which no store could tell them apart
        made = backend.secrets.add(name, f"value {number}", media_type=TEXT)
        assert backend.secrets.current(name) == f"value {number}"
    backend.disable(name, made.version)
    with pytest.raises(KeyUnavailable):
        backend.secrets.current(name)


def test_a_version_has_its_end(backend: Backend) -> None:
    name, end = backend.name(), NOW + HOUR
    backend.secrets.add(name, "value", media_type=TEXT, ends_at=end)
    (version,) = backend.secrets.versions(name)
    assert version.ends_at == end
    assert version.is_alive(end - timedelta(seconds=1))
    assert not version.is_alive(end)


def test_a_version_that_is_disabled_is_listed_and_not_read(backend: Backend) -> None:
    name = backend.name()
    first = backend.secrets.add(name, "one", media_type=TEXT)
    second = backend.secrets.add(name, "two", media_type=TEXT)
    backend.disable(name, first.version)
    states = {each.version: each.is_alive(NOW) for each in backend.secrets.versions(name)}
    assert states == {first.version: False, second.version: True}
    with pytest.raises(KeyUnavailable):
        backend.secrets.read(name, first.version)
    assert backend.secrets.read(name, second.version) == "two"


def test_a_version_that_is_not_there(backend: Backend) -> None:
    name = backend.name()
    backend.secrets.add(name, "value", media_type=TEXT)
    for wrong in (name, backend.name()):
        with pytest.raises(KeyUnavailable):
            backend.secrets.read(wrong, "0" * 32)


def test_two_that_write_at_once_make_two_versions(backend: Backend) -> None:
    name, made = backend.name(), list[SecretVersion]()
    threads = [
        threading.Thread(
            target=lambda n=n: made.append(backend.secrets.add(name, f"value {n}", media_type=TEXT))
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.version for each in made}) == len(backend.secrets.versions(name)) == 4


@pytest.fixture
def store(vault: FakeVault, vaults: Vaults) -> VaultSecretStore:
    return VaultSecretStore(vaults.at(vault.url))


def test_more_versions_than_a_page_holds(vault: FakeVault, store: VaultSecretStore) -> None:
    for number in range(30):
        store.add("many", str(number), media_type=TEXT)
    assert len(store.versions("many")) == 30
    assert vault.calls["secrets/list"] == 2


def test_the_vault_may_say_that_there_is_no_such_secret(vault: FakeVault, store: VaultSecretStore) -> None:
    vault.script("secrets/list", Says(404, "SecretNotFound"))
    assert store.versions("none") == []


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        ("list", "Key Vault Secrets User"),
        ("get", "Key Vault Secrets User"),
        ("set", "Key Vault Secrets Officer"),
    ],
)
def test_the_role_that_is_missing_is_told(
    vault: FakeVault, store: VaultSecretStore, operation: str, role: str
) -> None:
    made = store.add("name", "the value", media_type=TEXT)
    vault.denied.add(("app", f"secrets/{operation}"))
    acts: dict[str, Callable[[], object]] = {
        "list": lambda: store.versions("name"),
        "get": lambda: store.read("name", made.version),
        "set": lambda: store.add("name", "the value", media_type=TEXT),
    }
    with pytest.raises(KeyUnavailable, match=f"{role}' on secrets/name") as refused:
        acts[operation]()
    assert "the value" not in str(refused.value)


def test_a_disabled_version_is_told_with_the_command(vault: FakeVault, store: VaultSecretStore) -> None:
    made = store.add("name", "value", media_type=TEXT)
    vault.secrets.find("name").enabled = False
    with pytest.raises(KeyUnavailable, match="az keyvault secret set-attributes --enabled true"):
        store.read("name", made.version)


def test_a_write_that_was_not_confirmed_is_made_again(vault: FakeVault) -> None:
    """A version too many is harmless: both hold the same."""
    with vaults_over(vault) as vaults:
        store = VaultSecretStore(vaults.at(vault.url))
        vault.script("secrets/set", Reset(after=True))
        store.add("name", "value", media_type=TEXT)
        assert [store.read("name", each.version) for each in store.versions("name")] == ["value", "value"]
