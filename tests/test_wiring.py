"""The composition root: what it refuses, what it warns of, and that each part fits where it is put."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509 as pyca

from shared import config
from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.ca.vault import VaultCA
from shared.errors import KeyUnavailable, SettingsError, StoreUnavailable
from shared.keys.vault_transport import VaultTransport
from shared.revocation.scopes import CRLPlan
from shared.store.memory import MemoryPublicationStore, MemoryStore
from shared.wiring import Application
from tests.ca.stores import order, template
from tests.vault.credential import AUDIENCE
from tests.vault.server import FakeVault

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
        application(environment).authorities.issuing("device", NOW)
    assert caplog.records == []
    with caplog.at_level(logging.CRITICAL):
        later = NOW + timedelta(days=1500)
        application(environment, later).authorities.issuing("device", later)
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


def profiles_with(ca: str, tmp_path: Path) -> str:
    text = (ROOT / "profiles.sample.toml").read_text("utf-8")
    first = text.index("\nholder =")
    policy = tmp_path / "profiles.toml"
    policy.write_text(f'{text[:first]}\nca = "{ca}"{text[first:]}', "utf-8")
    return str(policy)


def test_a_profile_names_a_ca_that_has_settings(environment: dict[str, str], tmp_path: Path) -> None:
    environment["SCEPTER_PROFILES_FILE"] = profiles_with("wifi-2", tmp_path)
    with pytest.raises(SettingsError, match="SCEPTER_AUTHORITIES__WIFI_2__KEY"):
        _ = application(environment).authorities
    environment["SCEPTER_AUTHORITIES__WIFI_2__FOLDER"] = str(tmp_path)
    app = application(environment)
    assert app.authorities.names == ("default", "wifi-2")
    with pytest.raises(KeyUnavailable, match=r"issuing\.pem"):
        app.authorities.issuer_of("wifi-2", NOW)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEFAULT__FOLDER", "x", "default is the CA of the other settings"),
        ("WIFI__KEY", "wifi", "set SCEPTER_VAULT_URL"),
    ],
)
def test_settings_of_another_ca_that_do_not_fit_are_named(
    environment: dict[str, str], name: str, value: str, words: str
) -> None:
    environment[f"SCEPTER_AUTHORITIES__{name}"] = value
    with pytest.raises(SettingsError, match=words):
        _ = application(environment).authorities


def test_another_cas_folder_is_refused_in_azure(environment: dict[str, str]) -> None:
    del environment["SCEPTER_CA_FOLDER"]
    environment |= {"WEBSITE_INSTANCE_ID": "1", "SCEPTER_AUTHORITIES__WIFI__FOLDER": "x"}
    with pytest.raises(SettingsError, match="keys in files are refused in Azure"):
        application(environment)


class Published(Application):
    """Over memory."""

    def __init__(self, environment: dict[str, str], blobs: MemoryPublicationStore) -> None:
        super().__init__(config.load(environment), environment, clock=lambda: NOW)
        vars(self).update(records=MemoryStore(), publications=blobs)


def named_by(app: Application) -> str:
    """The CDP of a certificate that `app` issues."""
    issued = app.authority.issue(template(), order("one"), now=NOW)
    points = pyca.load_der_x509_certificate(issued.certificate.der).extensions.get_extension_for_class(
        pyca.CRLDistributionPoints
    )
    names = next(iter(points.value)).full_name
    assert names is not None
    return str(names[0].value)


def test_certificates_name_their_shard_once_it_is_published(environment: dict[str, str]) -> None:
    blobs = MemoryPublicationStore()
    app = Published(environment | {"SCEPTER_CRL_SHARDS": "4"}, blobs)
    place = named_by(app)
    assert re.fullmatch(rf"http://pki.example.org/crl/{app.issuer.id}/4-[0-3]\.crl", place)
    assert place.removeprefix("http://pki.example.org/") in blobs.headers
    numbers = {name: found.metadata.get("number") for name, found in blobs._blobs.items()}
    named_by(Published(environment | {"SCEPTER_CRL_SHARDS": "4"}, blobs))
    assert numbers == {name: found.metadata.get("number") for name, found in blobs._blobs.items()}


def test_without_shards_no_publication_is_asked_for(environment: dict[str, str]) -> None:
    app = Published(environment, MemoryPublicationStore())
    del vars(app)["publications"]
    assert named_by(app) == app.issuer.locations.crl


def test_certificates_name_the_full_crl_while_shards_cannot_be_published(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    class Away(MemoryPublicationStore):
        def put(self, name: str, data: bytes, **_: object) -> None:
            raise StoreUnavailable("away")

    app = Published(environment | {"SCEPTER_CRL_SHARDS": "4"}, Away())
    assert named_by(app) == app.issuer.locations.crl
    assert "name the full CRL: away" in caplog.text


def test_shards_and_deltas_come_from_settings(environment: dict[str, str]) -> None:
    settings = {"SCEPTER_CRL_HOURS": "48", "SCEPTER_CRL_SHARDS": "8", "SCEPTER_CRL_DELTA_HOURS": "6"}
    app = Published(environment | settings, MemoryPublicationStore())
    plan = app.crl_publisher(app.issuer).plan
    assert plan == CRLPlan(timedelta(hours=48), timedelta(hours=6), 8)
    assert plan.interval == timedelta(hours=3)


class TestVault:
    """A CA in a vault, as the settings name it; tests/e2e/test_vault_calls.py issues from one."""

    def test_the_vault_goes_before_the_folder(self, environment: dict[str, str]) -> None:
        app = application({**environment, "SCEPTER_VAULT_URL": "https://example.vault.azure.net"})
        assert isinstance(app.ca_homes["default"], VaultCA)
        assert isinstance(application(environment).ca_homes["default"], CAFolder)

    def test_settings_reach_the_vault(self, environment: dict[str, str]) -> None:
        more = {"URL": "https://example.vault.azure.net", "SHARE": "0.5", "WORKERS": "4", "PATIENCE": "3"}
        app = application(environment | {f"SCEPTER_VAULT_{name}": value for name, value in more.items()})
        assert (app.vaults.budget.share, app.vaults.budget.workers, app.vaults.patience) == (0.5, 4, 3)
        app.vault_transport.close()

    def test_azure_without_a_vault_says_which_setting_is_missing(self, environment: dict[str, str]) -> None:
        del environment["SCEPTER_CA_FOLDER"]
        app = application({**environment, "WEBSITE_INSTANCE_ID": "worker-1"})
        with pytest.raises(KeyUnavailable, match="SCEPTER_VAULT_URL"):
            _ = app.issuer

    def test_an_identity_endpoint_that_says_nothing_does_not_hold_a_device_for_long(
        self, environment: dict[str, str], vault: FakeVault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}/token")
            monkeypatch.setenv("IDENTITY_HEADER", "header")
            more = {
                "AzureWebJobsStorage__clientId": "00000000-0000-0000-0000-000000000000",
                "SCEPTER_VAULT_URL": vault.url,
                "SCEPTER_VAULT_AUDIENCE": AUDIENCE,
                "SCEPTER_VAULT_PATIENCE": "4",
            }
            app = application(environment | more)
            vars(app)["vault_transport"] = VaultTransport(trust=str(vault.trust))
            started = time.monotonic()
            with pytest.raises(KeyUnavailable, match="issuing-ca-chain"):
                _ = app.issuer
            assert time.monotonic() - started < 9
            app.vault_transport.close()

    def test_microsofts_clients_are_imported_when_a_vault_is_asked(self) -> None:
        program = """
import sys
from shared import config
from shared.wiring import Application
environment = {"SCEPTER_PUBLIC_URL": "http://pki.example.org", "SCEPTER_CHALLENGE_KEYS": "x",
               "SCEPTER_VAULT_URL": "https://example.vault.azure.net"}
app = Application(config.load(environment), environment)
app.close()
print(*[name for name in ("azure.keyvault", "azure.identity") if name in sys.modules])
"""
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == []
