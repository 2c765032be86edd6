"""A vault that throttles, refuses, hangs or resets: what is tried again, for how long, and what the log says."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.core.exceptions import ClientAuthenticationError

from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.ports import SigningKey
from shared.keys.signatures import sign
from shared.keys.vault_client import Clock
from shared.keys.vault_names import VaultName
from shared.keys.vault_transport import VaultTransport
from shared.keys.vaults import Vaults
from tests.keys.ticking import Ticking
from tests.vault.clients import key_name, make_key, vaults_over
from tests.vault.credential import FakeCredential
from tests.vault.server import FakeVault
from tests.vault.trouble import Reset, Says, Slow


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def vaults(vault: FakeVault, ticking: Ticking) -> Iterator[Vaults]:
    """Waiting takes no time; calls do, but not by this clock."""
    with vaults_over(vault, clock=Clock(ticking.now, ticking.sleep, lambda: 0.5)) as made:
        yield made


@pytest.fixture
def key(vault: FakeVault, vaults: Vaults) -> SigningKey:
    make_key(vaults, vault.url, "key", "p-256")
    return KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))


@pytest.mark.parametrize(
    "trouble", [Says(500), Says(502), Says(503), Says(504), Says(408), Reset()], ids=repr
)
def test_a_moment_of_trouble_is_bridged(
    vault: FakeVault, key: SigningKey, ticking: Ticking, trouble: Says | Reset
) -> None:
    vault.script("keys/sign", trouble, trouble)
    assert sign(key, b"data")
    assert vault.calls["keys/sign"] == 3
    assert 0.2 <= sum(ticking.slept) < 2
    assert ticking.slept == sorted(ticking.slept)


@pytest.mark.parametrize(
    "trouble", [Says(500, "InternalError"), Says(503), Reset(), Reset(after=True)], ids=repr
)
def test_lasting_trouble_ends_within_the_patience(
    vault: FakeVault, key: SigningKey, ticking: Ticking, trouble: Says | Reset
) -> None:
    vault.script("keys/sign", trouble, times=50)
    started = ticking.time
    with pytest.raises(KeyUnavailable) as away:
        sign(key, b"data")
    assert ticking.time - started <= 8
    assert 3 <= vault.calls["keys/sign"] <= 6
    assert 4 <= away.value.retry_after <= 8
    assert "sign https://" in away.value.reason
    assert "127.0.0.1" not in away.value.public


def test_the_vault_may_ask_for_patience_when_it_is_down(
    vault: FakeVault, key: SigningKey, ticking: Ticking
) -> None:
    vault.script("keys/sign", Says(503, retry_after="3"))
    assert sign(key, b"data")
    assert ticking.slept[-1] == 3
    vault.script("keys/sign", Says(503, retry_after="30"))
    with pytest.raises(KeyUnavailable) as away:
        sign(key, b"data")
    assert away.value.retry_after >= 30


REFUSALS = {
    "rbac": (
        Says(403, "Forbidden", "ForbiddenByRbac"),
        "give the app's identity the role 'Key Vault Crypto User' on",
    ),
    "role of no code": (Says(403, "Forbidden"), "on keys/key"),
    "firewall": (Says(403, "Forbidden", "ForbiddenByFirewall"), "firewall does not admit the app"),
    "private": (Says(403, "Forbidden", "ForbiddenByConnection"), "private endpoints only"),
    "policy": (Says(403, "Forbidden", "ForbiddenByPolicy"), "allow sign there"),
    "disabled": (
        Says(403, "Forbidden", "KeyDisabled"),
        "az keyvault key set-attributes --enabled true --id https://",
    ),
    "operation": (Says(403, "Forbidden", "KeyOperationForbidden"), "permitted operations lack sign"),
    "not yet": (Says(403, "Forbidden", "KeyNotYetValid"), "activation date"),
    "expired": (Says(403, "Forbidden", "KeyExpired"), "expiry date has passed"),
    "deleted": (Says(404, "KeyNotFound"), "az keyvault key recover --vault-name 127 --name key"),
    "conflict": (Says(409, "Conflict", "ObjectIsDeletedButRecoverable"), "recover it"),
    "token": (Says(401, "Unauthorized"), "no token of this tenant or audience"),
}


@pytest.mark.parametrize(("trouble", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_what_will_not_change_is_asked_once_and_told_with_its_remedy(
    vault: FakeVault, key: SigningKey, ticking: Ticking, trouble: Says, remedy: str
) -> None:
    vault.script("keys/sign", trouble, times=9)
    with pytest.raises(KeyUnavailable) as refused:
        sign(key, b"data")
    assert remedy in refused.value.reason
    assert str(trouble.status) in refused.value.reason
    assert trouble.inner in refused.value.reason
    assert vault.calls["keys/sign"] == 1
    assert ticking.slept == []
    assert refused.value.public == KeyUnavailable.public
    assert "as told" not in refused.value.reason  # the vault's own words may name people


def test_the_roles_are_denied_in_earnest_too(vault: FakeVault, vaults: Vaults, key: SigningKey) -> None:
    vault.denied |= {("app", "keys/sign"), ("app", "keys/get")}
    for act in (lambda: sign(key, b"data"), lambda: KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))):
        with pytest.raises(KeyUnavailable, match=r"ForbiddenByRbac.*Key Vault Crypto User"):
            act()


def test_a_key_that_is_deleted_meanwhile_can_be_recovered(
    vault: FakeVault, vaults: Vaults, key: SigningKey
) -> None:
    client = vaults.at(vault.url).keys
    client.begin_delete_key("key").wait()
    with pytest.raises(KeyUnavailable, match="az keyvault key recover"):
        sign(key, b"data")
    client.begin_recover_deleted_key("key").wait()
    assert sign(key, b"data")


def test_what_the_vault_calls_wrong_is_our_fault(vault: FakeVault, key: SigningKey) -> None:
    vault.script("keys/sign", Says(400, "BadParameter"))
    with pytest.raises(IssuanceFault, match="400 BadParameter"):
        sign(key, b"data")
    assert vault.calls["keys/sign"] == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ClientAuthenticationError("no managed identity endpoint"),
            "no token; has the app a managed identity",
        ),
    ],
)
def test_without_a_token_nothing_is_asked(vault: FakeVault, error: Exception, expected: str) -> None:
    class NoToken(FakeCredential):
        def get_token(self, *_: str, **__: object) -> None:  # type: ignore[override]
            raise error

    with vaults_over(vault, credential=NoToken()) as vaults, pytest.raises(KeyUnavailable) as refused:
        KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
    assert expected in refused.value.reason
    assert not vault.calls


def test_a_token_that_ended_is_renewed(vault: FakeVault) -> None:
    credential = FakeCredential(life=200)  # the SDK asks for another one when less than 300 s are left
    with vaults_over(vault, credential=credential) as vaults:
        make_key(vaults, vault.url, "key", "p-256")
        key = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
        before = len(credential.scopes)
        sign(key, b"data")
        sign(key, b"data")
    assert len(credential.scopes) >= before + 2


@contextmanager
def patient(vault: FakeVault, seconds: float) -> Iterator[Vaults]:
    """By the real clock."""
    with vaults_over(vault, patience=seconds) as vaults:
        yield vaults


def test_silence_ends_within_the_patience(vault: FakeVault) -> None:
    with patient(vault, 2.5) as vaults:
        make_key(vaults, vault.url, "key", "p-256")
        key = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
        vault.script("keys/sign", Slow(20), times=9)
        started = time.monotonic()
        with pytest.raises(KeyUnavailable, match="did not answer in time"):
            sign(key, b"data")
        assert time.monotonic() - started < 3.5


def test_a_late_answer_is_an_answer(vault: FakeVault) -> None:
    with patient(vault, 5) as vaults:
        make_key(vaults, vault.url, "key", "p-256")
        key = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
        vault.script("keys/sign", Slow(1))
        assert sign(key, b"data")
        assert vault.calls["keys/sign"] == 1


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{once.getsockname()[1]}"
    with VaultTransport() as transport:
        vaults = Vaults(FakeCredential(), patience=2.0, transport=transport)
        with pytest.raises(KeyUnavailable, match="cannot be reached"):
            KeyVaultKeys(vaults).signing_key(VaultName(url, "keys", "key"))


def test_a_server_that_we_do_not_trust_gets_no_token(vault: FakeVault) -> None:
    credential = FakeCredential()
    with VaultTransport() as transport:
        vaults = Vaults(credential, patience=1.5, transport=transport)
        with pytest.raises(KeyUnavailable, match="cannot be reached"):
            KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
    assert credential.scopes == []
    assert not vault.calls
    assert vault.challenges == 0
