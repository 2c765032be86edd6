"""What infra/ tells the app, and what it believes of it: settings that load, alerts that would fire, hooks that run."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from functions import health_timer
from shared import config
from shared.errors import SettingsError
from shared.record import health
from shared.record.health import Finding, Level
from tests.infra.bicep import BicepFile
from tests.infra.test_bicep import FILES, PARAMETERS, ROOT
from tests.programs import program

HOOKS = ROOT / "infra" / "hooks"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def literals(file: BicepFile) -> dict[str, str]:
    """Settings whose value is written in the file."""
    found = {each.key: each.value for each in file.properties() if each.key.startswith("SCEPTER_")}
    return {key: next(file.strings(node)) for key, node in found.items() if node.type == "string"}


GIVEN = {
    "SCEPTER_PUBLIC_URL": "http://pki.example.org",
    "SCEPTER_CHALLENGE_KEYS": Fernet.generate_key().decode(),
    "SCEPTER_VAULT_URL": "https://kv-example.vault.azure.net",
    "WEBSITE_SITE_NAME": "func-scepter",
}


def test_the_settings_load_in_azure_and_are_the_defaults_of_the_code() -> None:
    written = literals(FILES["app/settings.bicep"])
    assert len(written) > 30
    settings = config.load(written | GIVEN)
    assert settings == config.load(GIVEN)


def test_more_settings_are_known_by_the_code() -> None:
    more = PARAMETERS["parameters"]["moreSettings"]["value"]
    config.load(GIVEN | more)
    with pytest.raises(SettingsError, match="SCEPTER_CRL_HOUR"):
        config.load(GIVEN | more | {"SCEPTER_CRL_HOUR": "1"})


@pytest.mark.parametrize("host", ["scepter.azurewebsites.net", "x.z01.azurefd.net"])
def test_a_public_url_of_azure_is_refused_unless_forced(host: str) -> None:
    there = GIVEN | {"SCEPTER_PUBLIC_URL": f"http://{host}"}
    with pytest.raises(SettingsError, match="name of Azure's"):
        config.load(there)
    config.load(there | {"SCEPTER_ALLOW_DEFAULT_HOST": "True"})  # as Bicep's string(true) is written


def lines(*findings: Finding, caplog: pytest.LogCaptureFixture) -> list[str]:
    with caplog.at_level(logging.INFO, "scepter.health"):
        health_timer.report(findings)
    return [record.getMessage() for record in caplog.records]


def alert(key: str) -> str:
    """The query of an alert."""
    found = re.search(rf"key: '{key}'.*?query: '(.*?)'\n", FILES["app/alerts.bicep"].source, re.DOTALL)
    assert found, key
    return found[1]


def fires(query: str, line: str) -> bool:
    """Kusto's `startswith` (which ignores case) and `matches regex`, as far as the alerts use them."""
    beginnings = [word.lower() for word in re.findall(r'startswith "([^"]*)"', query)]
    within = re.findall(r'contains "([^"]*)"', query)
    patterns = re.findall(r'matches regex "([^"]*)"', query)
    begins = any(line.lower().startswith(word) for word in beginnings)
    return any(re.search(each, line) for each in patterns) or (
        begins and all(each in line for each in within)
    )


FINDINGS = {
    "poison": Finding("queue crl-requests", Level.CRITICAL, "2 messages could not be handled", "peek"),
    "crl": next(health.crl(NOW - timedelta(days=4), NOW - timedelta(days=1), NOW)),
    "expiry": health.ends("issuing CA", NOW + timedelta(days=3), NOW, remedy="prepare its successor"),
    "brake": Finding("brake", Level.CRITICAL, "7 events of jamf are above its limit and wait", "parked list"),
}


@pytest.mark.parametrize("key", FINDINGS)
def test_an_alert_fires_for_what_it_is_named_after(key: str, caplog: pytest.LogCaptureFixture) -> None:
    found, whole = lines(FINDINGS[key], caplog=caplog)
    assert [name for name in FINDINGS if fires(alert(name), found)] == [key]
    assert fires(alert("silence"), whole)  # counts lines, and there is one
    assert not any(fires(alert(name), whole) for name in FINDINGS)


@pytest.mark.parametrize("subject", ["issuing CA", "SCEP RA", "CA others"])
def test_the_end_of_each_certificate_is_told(subject: str, caplog: pytest.LogCaptureFixture) -> None:
    found = lines(health.ends(subject, NOW, NOW, remedy="renew"), caplog=caplog)[0]
    assert fires(alert("expiry"), found)


def test_what_is_well_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    well = health.ends("SCEP RA", NOW + timedelta(days=300), NOW, remedy="renew")
    assert lines(well, well, caplog=caplog) == ["health examined: 2 findings"]


def test_a_refused_enrolment_is_counted() -> None:
    source = (ROOT / "shared" / "scep" / "exchange.py").read_text(encoding="utf-8")
    (logged,) = re.findall(r'"(transaction %s profile %s refused: [^"]*)"', source)
    assert fires(alert("enrolments"), logged.replace("%s", "x"))


def test_http_is_open_for_what_needs_no_secret() -> None:
    """The routes of Front Door are those of the code that ask for no https: functions/authorisation.py."""
    door = FILES["app/front_door.bicep"]
    open_paths = {path.strip("/*").split("/")[0] for path in door.list_of("overHttp")}
    asking: set[str] = set()
    free: set[str] = set()
    for path in sorted((ROOT / "functions").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        routes = {route.split("/")[0] for route in re.findall(r'route\("([^"]+)"', source)}
        secret = "require_tls(" in source or "authorise(" in source
        (asking if secret else free).update(routes)
    assert asking == {"manage", "challenges", "pkcs", "pfx", "deliveries", "events"}
    assert free == open_paths | {"openapi.json"}
    assert set(door.list_of("cached")) <= set(door.list_of("overHttp"))


def secrets_named() -> set[str]:
    """Secrets that settings refer to; loops end in a hyphen."""
    file = FILES["app/settings.bicep"]
    found = (re.search(r"/([a-z-]+)(\$\{\.\.\.\})?/\)$", text) for text in file.strings())
    return {match[1] for match in found if match}


def test_the_hook_draws_every_secret_that_a_setting_refers_to() -> None:
    hook = (HOOKS / "postprovision.sh").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^set_missing ([a-z-]+)$", hook, re.MULTILINE))
    drawn |= {f"{name}-" for name in re.findall(r"^set_all ([a-z]+) ", hook, re.MULTILINE)}
    assert drawn == secrets_named() == {"challenge-keys", "caller-", "events-", "static-", "callback-"}


def test_every_hook_is_there_and_may_be_run() -> None:
    named = re.findall(r"run: (\S+)", (ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert {ROOT / name for name in named} == set(HOOKS.glob("*.sh"))
    for path in HOOKS.glob("*.sh"):
        assert path.stat().st_mode & stat.S_IXUSR
        subprocess.run([program("sh"), "-n", str(path)], check=True)


def test_the_hook_reads_what_the_deployment_gives() -> None:
    hook = (HOOKS / "postprovision.sh").read_text(encoding="utf-8")
    given = set(FILES["main.bicep"].declared("output_declaration"))
    given |= set(re.findall(r"\$\{([A-Z_]+)", json.dumps(PARAMETERS)))
    assert set(re.findall(r"\$\{?([A-Z][A-Z_]+)", hook)) - given == set()


AZ = """#!/bin/sh
# Remembers keys and secrets as files of this folder, and what was asked for.
echo "$@" >>"$STATE/asked"
value() { while [ $# -gt 1 ]; do [ "$1" = "$want" ] && echo "$2"; shift; done; return 0; }
want=--name; name=$(value "$@"); want=--query; query=$(value "$@"); want=--file; file=$(value "$@")
want=--kty; kty=$(value "$@")
case "$1 $2 $3" in
  "keyvault key show") [ -f "$STATE/key-$name" ] || exit 3
    case "$query" in
      key.kty) cat "$STATE/key-$name";;
      attributes.exportable) echo "${EXPORTABLE:-false}";;
      *) echo id;;
    esac;;
  "keyvault key create") echo "$kty" >"$STATE/key-$name";;
  "keyvault secret show") [ -f "$STATE/secret-$name" ] || exit 3;;
  "keyvault secret set") cp "$file" "$STATE/secret-$name";;
  *) exit 9;;
esac
"""


def provisioned(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The hook with an `az` of ours: Azure's cannot be had here."""
    (folder / "az").write_text(AZ)
    (folder / "az").chmod(0o700)
    given = {
        "AZURE_KEY_VAULT_NAME": "kv",
        "SCEPTER_HOST_NAME": "pki.example.org",
        "SCEPTER_CNAME": "func-scepter.azurewebsites.net",
        "SCEPTER_VERIFICATION": "0123",
        "CALLERS": "intune,portal",
        "EVENT_SOURCES": "jamf",
    }
    where = {"PATH": f"{folder}:{os.environ['PATH']}", "STATE": str(folder), "TMPDIR": str(folder)}
    command = [program("sh"), str(HOOKS / "postprovision.sh")]
    return subprocess.run(command, env=given | where | more, capture_output=True, text=True, check=False)


def test_the_hook_makes_the_key_draws_secrets_once_and_shows_none(tmp_path: Path) -> None:
    first = provisioned(tmp_path)
    assert first.returncode == 0, first.stderr
    assert "docs/deployment.md" in first.stdout
    drawn = {path.name: path.read_bytes() for path in tmp_path.glob("secret-*")}
    names = ["caller-intune", "caller-portal", "challenge-keys", "events-jamf"]
    assert sorted(drawn) == [f"secret-{name}" for name in names]
    Fernet(drawn["secret-challenge-keys"])
    asked = (tmp_path / "asked").read_text()
    assert "--name issuing-ca --kty RSA-HSM --size 3072 --ops sign --exportable false" in asked
    assert not any(value.decode() in asked + first.stdout + first.stderr for value in drawn.values())
    again = provisioned(tmp_path)
    assert again.returncode == 0, again.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.glob("secret-*")} == drawn
    assert (tmp_path / "asked").read_text().count("key create") == 1
    assert [path.name for path in tmp_path.glob("tmp.*")] == []


@pytest.mark.parametrize(
    ("kind", "exportable", "says"), [("RSA", "false", "not in an HSM"), ("RSA-HSM", "true", "exported")]
)
def test_the_hook_refuses_a_key_that_could_leave(
    tmp_path: Path, kind: str, exportable: str, says: str
) -> None:
    (tmp_path / "key-issuing-ca").write_text(f"{kind}\n")
    done = provisioned(tmp_path, EXPORTABLE=exportable)
    assert done.returncode == 1
    assert says in done.stderr


@pytest.mark.parametrize(
    ("url", "policy", "code", "says"),
    [
        ("http://pki.example.org", True, 0, ""),
        ("", True, 1, "azd env set SCEPTER_PUBLIC_URL"),
        ("https://pki.example.org", True, 1, "plain http"),
        ("http://x.azurewebsites.net", True, 0, "name of Azure's"),
        ("http://pki.example.org", False, 1, "profiles.toml"),
    ],
)
def test_the_first_hook_says_what_is_missing(
    tmp_path: Path, url: str, policy: bool, code: int, says: str
) -> None:
    if policy:
        (tmp_path / "profiles.toml").touch()
    done = subprocess.run(
        [program("sh"), str(HOOKS / "preprovision.sh")],
        cwd=tmp_path,
        env={"SCEPTER_PUBLIC_URL": url, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, says in done.stderr) == (code, True)
