"""The first run on a machine: what it makes, that it makes it once, and who can read it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from commands.first_run import prepare, read_values, write_settings
from shared.ca.ceremony import CAPlan

PLAN = CAPlan(root_key="p-256", issuing_key="p-256")
SECRETS = ("SCEPTER_CHALLENGE_KEYS", "SCEPTER_CALLER_SECRETS__DEMO", "SCEPTER_MANAGEMENT_KEY")


def test_it_makes_settings_profiles_and_a_ca_and_nothing_the_second_time(tmp_path: Path) -> None:
    settings = tmp_path / "local.settings.json"
    assert len(prepare(settings, port=7123, plan=PLAN)) == 3
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert prepare(settings, port=7999, plan=PLAN) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert read_values(settings)["SCEPTER_PUBLIC_URL"] == "http://127.0.0.1:7123"


def test_what_is_secret_is_fresh_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    values = []
    for name in ("one", "two"):
        settings = tmp_path / name / "local.settings.json"
        prepare(settings, plan=PLAN)
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        assert {stat.S_IMODE(key.stat().st_mode) for key in settings.parent.rglob("*.key")} == {0o600}
        values.append(read_values(settings))
    for secret in SECRETS:
        assert values[0][secret] != values[1][secret]
        assert "generated" not in values[0][secret]


def test_settings_away_from_the_app_keep_everything_beside_them(tmp_path: Path) -> None:
    settings = tmp_path / "local.settings.json"
    prepare(settings, plan=PLAN)
    assert (tmp_path / "profiles.toml").exists()
    assert (tmp_path / "ca" / "issuing.pem").exists()
    assert json.loads(settings.read_text("utf-8"))["IsEncrypted"] is False


def test_with_a_ca_in_a_vault_none_is_made_here(tmp_path: Path) -> None:
    settings = tmp_path / "local.settings.json"
    here = {
        "SCEPTER_VAULT_URL": "https://example.vault.azure.net",
        "SCEPTER_PROFILES_FILE": str(tmp_path / "profiles.toml"),
        "SCEPTER_CA_FOLDER": str(tmp_path / "ca"),
    }
    write_settings(settings, here)
    prepare(settings, plan=PLAN)
    assert (tmp_path / "profiles.toml").exists()
    assert not (tmp_path / "ca").exists()
