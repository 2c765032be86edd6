"""The composition root: what it refuses, what it warns of, and that each part fits where it is put."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import config
from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.config import SettingsError
from shared.errors import KeyUnavailable
from shared.wiring import Application

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLAN = CAPlan("Example", root_key="p-256", issuing_key="p-256")


@pytest.fixture(scope="module")
def ca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca")
    create(CAFolder(path), PLAN, base_url="http://pki.example.org", now=NOW)
    return path


@pytest.fixture
def environment(ca_folder: Path) -> dict[str, str]:
    return {
        "SCEPTER_PUBLIC_URL": "http://pki.example.org",
        "SCEPTER_PROFILES_FILE": str(ROOT / "profiles.sample.toml"),
        "SCEPTER_CA_FOLDER": str(ca_folder),
        "SCEPTER_CHALLENGE_KEYS": "bm90IGEgc2VjcmV0LCBub3QgYSBzZWNyZXQsIG5vdDE=",
        "SCEPTER_CALLER_SECRETS__DEMO": "secret-of-the-demo-caller",
    }


def application(environment: dict[str, str], now: datetime = NOW) -> Application:
    return Application(config.load(environment), environment, clock=lambda: now)


def test_parts_come_from_settings(environment: dict[str, str]) -> None:
    app = application(environment)
    assert app.issuer.locations.crl == f"http://pki.example.org/crl/{app.issuer.id}.crl"
    assert app.mint is app.mint
    assert app.ra.current(NOW).certificate.issuer == app.issuer.certificate.subject


def test_an_issuer_that_ends_before_its_certificates_would_is_an_alarm(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        _ = application(environment).issuer
    assert caplog.records == []
    with caplog.at_level(logging.CRITICAL):
        _ = application(environment, NOW + timedelta(days=1500)).issuer
    assert "prepare its successor" in caplog.text


def test_software_keys_are_refused_in_azure(environment: dict[str, str]) -> None:
    del environment["SCEPTER_CA_FOLDER"]
    with pytest.raises(KeyUnavailable, match="refused in Azure"):
        _ = application({**environment, "WEBSITE_INSTANCE_ID": "worker-1"}).issuer


def test_settings_that_only_show_deeper_down_are_named(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="AzureWebJobsStorage"):
        _ = application(environment).storage
    del environment["SCEPTER_CALLER_SECRETS__DEMO"]
    with pytest.raises(SettingsError, match=r"SCEPTER_CALLER_SECRETS.*demo"):
        _ = application(environment).mint


def test_a_key_that_cannot_seal_is_refused_without_being_told(environment: dict[str, str]) -> None:
    environment["SCEPTER_CHALLENGE_KEYS"] = "too-short-a-key"
    with pytest.raises(SettingsError, match="SCEPTER_CHALLENGE_KEYS") as refused:
        _ = application(environment).sealed
    assert "too-short-a-key" not in str(refused.value)


def test_a_profile_names_a_tenant_that_has_settings(environment: dict[str, str], tmp_path: Path) -> None:
    policy = (ROOT / "profiles.sample.toml").read_text("utf-8")
    intune = policy[policy.index("[profiles.device]") : policy.index("# A person on a device")]
    kept = [
        line
        for line in intune.splitlines()
        if not line.startswith(("certificate_only", "renewal_", "challenge"))
    ]
    changed = "\n".join(kept).replace("profiles.device", "profiles.managed")
    changed = changed.replace(
        'holder = "device"', 'holder = "device"\nchallenge = "intune"\nintegration = "branch-office"'
    )
    (tmp_path / "profiles.toml").write_text(f"{policy}\n{changed}")
    environment["SCEPTER_PROFILES_FILE"] = str(tmp_path / "profiles.toml")
    with pytest.raises(
        SettingsError, match="SCEPTER_INTUNE__BRANCH_OFFICE__TENANT: is missing; profile managed"
    ):
        _ = application(environment).intune_clients
    environment["SCEPTER_INTUNE__BRANCH_OFFICE__TENANT"] = "branch.example.org"
    app = application(environment)
    assert set(app.intune_clients) == {"branch-office"}
    assert app.asks_intune
    app.close()
