"""A vault's limit: what a worker keeps to by itself, what it does about 429, and whom it sends away until when."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from shared.errors import KeyUnavailable
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.ports import SigningKey
from shared.keys.signatures import sign
from shared.keys.vault_budget import Budget
from shared.keys.vault_client import Clock
from tests.keys.ticking import Ticking
from tests.vault.clients import key_name, make_key, vaults_over
from tests.vault.limiter import Limiter
from tests.vault.server import FakeVault
from tests.vault.trouble import Says

BUSY = Says(429, "Throttled")


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def key(vault: FakeVault, ticking: Ticking) -> Iterator[SigningKey]:
    """Waiting takes no time; calls do, but not by this clock."""
    with vaults_over(vault, clock=Clock(ticking.now, ticking.sleep, lambda: 0.5)) as vaults:
        make_key(vaults, vault.url, "key", "p-256")
        yield KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))


def test_a_no_is_waited_for_as_long_as_the_vault_says(
    vault: FakeVault, key: SigningKey, ticking: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    vault.script("keys/sign", Says(429, "Throttled", retry_after="3"))
    with caplog.at_level(logging.WARNING, "scepter.vault"):
        assert sign(key, b"data")
    assert 3 <= sum(ticking.slept) < 3.1
    assert vault.calls["keys/sign"] == 2
    assert "429 Throttled" in caplog.text
    assert "nothing for 3 s, then 50 % of our share" in caplog.text


def test_without_a_time_the_pauses_double(vault: FakeVault, key: SigningKey, ticking: Ticking) -> None:
    vault.script("keys/sign", BUSY, BUSY)
    assert sign(key, b"data")
    assert [round(seconds) for seconds in ticking.slept if seconds > 0.5] == [1, 2]


def test_a_longer_time_than_the_patience_is_for_the_asker(
    vault: FakeVault, key: SigningKey, ticking: Ticking
) -> None:
    vault.script("keys/sign", Says(429, "Throttled", retry_after="20"))
    with pytest.raises(KeyUnavailable, match="the vault throttles") as busy:
        sign(key, b"data")
    assert 20 <= busy.value.retry_after + 8 <= 30
    with pytest.raises(KeyUnavailable):  # nobody else asks meanwhile
        sign(key, b"data")
    assert vault.calls["keys/sign"] == 1
    ticking.time += 21
    assert sign(key, b"data")


def test_whoever_is_sent_away_is_told_a_time_of_his_own(vault: FakeVault) -> None:
    ticking, told = Ticking(), set()
    draws = iter([0.0, 0.3, 0.6, 0.999])
    with vaults_over(vault, clock=Clock(ticking.now, ticking.sleep, lambda: next(draws))) as vaults:
        make_key(vaults, vault.url, "key", "p-256")
        key = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
        vaults.at(vault.url).throttle.slow_down(60, asked_at=ticking.time)
        for _ in range(4):
            with pytest.raises(KeyUnavailable) as busy:
                sign(key, b"data")
            told.add(busy.value.retry_after)
    assert len(told) == 4
    assert min(told) >= 52


def test_our_own_share_is_kept_before_the_vault_says_no(vault: FakeVault) -> None:
    """P-256 in software: 4000 in ten seconds; a hundredth of it among two workers is two a second."""
    ticking = Ticking()
    clock = Clock(ticking.now, ticking.sleep, lambda: 0.5)
    with vaults_over(vault, clock=clock, budget=Budget(share=0.01, workers=2)) as vaults:
        make_key(vaults, vault.url, "key", "p-256", hsm=False)
        key = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
        started = ticking.time
        for _ in range(21):
            sign(key, b"data")
        assert ticking.time - started == pytest.approx(10, abs=0.6)


def test_a_worker_that_keeps_to_its_share_hears_no_no(vault: FakeVault) -> None:
    ticking = Ticking()
    clock = Clock(ticking.now, ticking.sleep, lambda: 0.5)
    with vaults_over(vault, clock=clock, budget=Budget(share=0.0095)) as vaults:
        make_key(vaults, vault.url, "key", "p-256")
        key = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
        vault.limiter = Limiter(20, 10, ticking.now)
        for _ in range(80):
            sign(key, b"data")
    assert vault.limiter.refused == 0
    assert 38 <= vault.limiter.served[-1] - vault.limiter.served[0] <= 44
