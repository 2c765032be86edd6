"""Names of keys and secrets as settings spell them, and what a vault allows by its documented limits."""

from __future__ import annotations

from typing import Any

import pytest

from shared.keys.vault_budget import OTHER_COST, Budget, is_managed_hsm, operations
from shared.keys.vault_names import VaultName, vault_url

VAULT = "https://example.vault.azure.net"
VERSION = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("issuing-ca", VaultName(VAULT, "keys", "issuing-ca")),
        (f"issuing-ca/{VERSION}", VaultName(VAULT, "keys", "issuing-ca", VERSION)),
        (f"{VAULT}/keys/k", VaultName(VAULT, "keys", "k")),
        (
            f"https://hsm1.managedhsm.azure.net/keys/k/{VERSION}",
            VaultName("https://hsm1.managedhsm.azure.net", "keys", "k", VERSION),
        ),
        ("https://127.0.0.1:8443/keys/k", VaultName("https://127.0.0.1:8443", "keys", "k")),
    ],
)
def test_names(text: str, expected: VaultName) -> None:
    parsed = VaultName.parse(text, kind="keys", vault=VAULT)
    assert parsed == expected
    assert VaultName.parse(str(parsed), kind="keys") == parsed
    assert parsed.host in text or parsed.host == "example.vault.azure.net"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a_b",
        "a/b",
        "a" * 128,
        f"k/{VERSION}/",
        f"k/{VERSION[:-1]}",
        f"k/{VERSION[:-1]}g",
        "http://example.vault.azure.net/keys/k",
        f"{VAULT}/secrets/k",
        f"{VAULT}/keys/",
        f"{VAULT}/keys/k?x=1",
        "https://user@example.vault.azure.net/keys/k",
        "https://a\\b/keys/k",
        "k\n",
    ],
)
def test_what_is_no_name_of_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        VaultName.parse(text, kind="keys", vault=VAULT)


def test_a_short_name_needs_a_vault() -> None:
    with pytest.raises(ValueError, match="SCEPTER_VAULT_URL"):
        VaultName.parse("k", kind="keys")


def test_urls_of_vaults() -> None:
    assert vault_url(f"{VAULT}/") == VAULT
    for wrong in ("http://example.vault.azure.net", f"{VAULT}/keys", "example", "", f"{VAULT}\n", "https://"):
        with pytest.raises(ValueError, match="must look like"):
            vault_url(wrong)


@pytest.mark.parametrize(
    ("kind", "size", "allowed"),
    [
        *(("RSA-HSM", size, allowed) for size, allowed in ((2048, 2000), (3072, 500), (4096, 250))),
        *(("RSA", size, allowed) for size, allowed in ((2048, 4000), (3072, 1000), (4096, 500))),
        *(("EC-HSM", size, 2000) for size in (256, 384, 521)),
        *(("EC", size, 4000) for size in (256, 384, 521)),
        ("RSA-HSM", 8192, 250),
    ],
)
def test_the_documented_limits(kind: str, size: int, allowed: int) -> None:
    assert operations(kind, size) == allowed


@pytest.mark.parametrize(("share", "workers"), [(1.0, 1), (0.95, 1), (0.5, 4)])
def test_all_workers_together_stay_below_the_limit(share: float, workers: int) -> None:
    rate = Budget(share, workers).rate
    assert rate * workers * 10 == pytest.approx(share)
    assert rate * operations("RSA-HSM", 3072) == pytest.approx(50 * share / workers)
    assert pytest.approx(1 / 4000) == OTHER_COST


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("x.managedhsm.azure.net", True),
        ("X.ManagedHSM.azure.cn", True),
        ("managedhsm.vault.azure.net", False),
        ("127.0.0.1:1", False),
    ],
)
def test_managed_hsms(host: str, expected: Any) -> None:
    assert is_managed_hsm(host) is expected
