"""shared/config: what an environment means, and what is refused with the setting's name and never its value."""

from __future__ import annotations

import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from shared.config import AzureSettings, Settings, load
from shared.errors import SettingsError

LOCAL = {"SCEPTER_PUBLIC_URL": "http://pki.example.org", "SCEPTER_CHALLENGE_KEYS": "first-key,second-key"}
AZURE = {**LOCAL, "WEBSITE_SITE_NAME": "scepter"}
PLANTED = "pl4nted-value-0f-a-secret"


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environment)
    return str(caught.value)


def test_two_settings_are_enough() -> None:
    settings = load(LOCAL)
    assert type(settings) is Settings
    assert settings.public_url == "http://pki.example.org"
    assert [key.get_secret_value() for key in settings.challenge_keys] == ["first-key", "second-key"]
    assert settings.profiles_file == Path("profiles.toml")
    assert (settings.backdate, settings.crl_life) == (timedelta(hours=24), timedelta(hours=72))


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCEPTER_CRL_HOURS", "10")
    assert load(LOCAL).crl_hours == 72


def test_an_empty_value_means_the_default() -> None:
    empty = (
        "CRL_HOURS",
        "ROOT_IN_GETCACERT",
        "PROFILES_FILE",
        "CALLER_SECRETS",
        "STATIC_CHALLENGES__X",
        "TYPO",
    )
    assert load({**LOCAL, **{f"SCEPTER_{name}": "" for name in empty}}) == load(LOCAL)


@pytest.mark.parametrize("name", ["SCEPTER_PUBLIC_URL", "SCEPTER_CHALLENGE_KEYS"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_what_is_required_is_named_when_it_is_missing(name: str, how: str) -> None:
    environment = {key: value for key, value in LOCAL.items() if key != name}
    assert refusal(environment if how == "absent" else {**environment, name: ""}) == f"{name}: is missing"


# Text that other readers of settings would take for JSON, a number or nothing.
@pytest.mark.parametrize(
    "secret", ["a plain secret", "1234567890123456", '{"a": 1}', "[1]", '"quoted"', "null", "true"]
)
def test_secrets_by_name_are_one_setting_each_and_plain_text(secret: str) -> None:
    settings = load(
        {**LOCAL, "SCEPTER_CALLER_SECRETS__DEMO": secret, "SCEPTER_CALLER_SECRETS__IT_DESK": "another"}
    )
    revealed = {name: value.get_secret_value() for name, value in settings.caller_secrets.items()}
    assert revealed == {"demo": secret, "it_desk": "another"}


def test_secrets_by_name_in_one_setting_are_refused() -> None:
    text = refusal({**LOCAL, "SCEPTER_STATIC_CHALLENGES": PLANTED})
    assert (
        text
        == "SCEPTER_STATIC_CHALLENGES: one setting for each name, such as SCEPTER_STATIC_CHALLENGES__DEMO"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SCEPTER_CRL_HOUR", "no such setting; is it SCEPTER_CRL_HOURS?"),
        ("SCEPTER_MANAGMENT_KEY", "no such setting; is it SCEPTER_MANAGEMENT_KEY?"),
        ("SCEPTER_CRL_HOURS__X", "no such setting"),
        ("SCEPTER_QQQQ", "no such setting"),
    ],
)
def test_a_misspelt_name_is_refused(name: str, hint: str) -> None:
    assert refusal({**LOCAL, name: PLANTED}) == f"{name}: {hint}"


def test_the_address_for_the_command_line_is_not_a_setting() -> None:
    assert load({**LOCAL, "SCEPTER_URL": "http://127.0.0.1:7071", "SCEPTER_CLIENT_ID": "x"}) == load(LOCAL)


def test_all_faults_are_told_at_once() -> None:
    text = refusal({"SCEPTER_PUBLIC_URL": PLANTED, "SCEPTER_CRL_HOURS": PLANTED, "SCEPTER_TYPO": PLANTED})
    names = [fault.split(":")[0] for fault in text.split("; ") if fault.startswith("SCEPTER_")]
    assert sorted(names) == [
        "SCEPTER_CHALLENGE_KEYS",
        "SCEPTER_CRL_HOURS",
        "SCEPTER_PUBLIC_URL",
        "SCEPTER_TYPO",
    ]


WRONG = {
    "SCEPTER_PUBLIC_URL": f"ftp://{PLANTED}",
    "SCEPTER_CHALLENGE_KEYS": f"@Microsoft.KeyVault(SecretUri=https://v/{PLANTED})",
    "SCEPTER_CALLER_SECRETS": PLANTED,
    "SCEPTER_CALLER_SECRETS__A__B": PLANTED,
    "SCEPTER_CALLER_SECRETS__DEMO": f"<{PLANTED}>",
    "SCEPTER_STATIC_CHALLENGES": f'{{"{PLANTED}": 1',
    "SCEPTER_ALLOW_DEFAULT_HOST": PLANTED,
    "SCEPTER_BACKDATE_HOURS": PLANTED,
    "SCEPTER_CRL_HOURS": PLANTED,
    "SCEPTER_ROOT_IN_GETCACERT": PLANTED,
    "SCEPTER_MAX_MESSAGE_KIB": PLANTED,
    "SCEPTER_MAX_ENROLMENTS": PLANTED,
    "SCEPTER_SOURCE_RATE": PLANTED,
    "SCEPTER_TRUSTED_PROXIES": PLANTED,
    "SCEPTER_TRACE_DAYS": PLANTED,
    "SCEPTER_INTUNE": PLANTED,
    "SCEPTER_INTUNE__DEFAULT": PLANTED,
    "SCEPTER_INTUNE__DEFAULT__TENANT": PLANTED,
    "SCEPTER_INTUNE__DEFAULT__CLIENT_ID": PLANTED,
    "SCEPTER_INTUNE__DEFAULT__AUTHORITY": f"http://{PLANTED}",
    "SCEPTER_INTUNE__DEFAULT__NO_SUCH_VALUE": PLANTED,
    "SCEPTER_INTUNE_SECONDS": PLANTED,
    "SCEPTER_TABLE_PREFIX": PLANTED,
    "SCEPTER_VAULT_URL": f"http://{PLANTED}.vault.azure.net",
    "SCEPTER_VAULT_AUDIENCE": PLANTED,
    "SCEPTER_VAULT_CA_KEY": f"{PLANTED}/1",
    "SCEPTER_VAULT_IMPORT_KEY": f"https://example.vault.azure.net/secrets/{PLANTED}",
    "SCEPTER_VAULT_CA_SECRET": f"{PLANTED}_",
    "SCEPTER_VAULT_RA_SECRET": f"{PLANTED}/1",
    "SCEPTER_VAULT_RESPONDER_SECRET": f"{PLANTED} ",
    "SCEPTER_VAULT_WORKERS": PLANTED,
    "SCEPTER_VAULT_SHARE": PLANTED,
    "SCEPTER_VAULT_PATIENCE": PLANTED,
    "SCEPTER_UNKNOWN": PLANTED,
}
WRONG_IN_AZURE = {
    "SCEPTER_CA_FOLDER": PLANTED,
    "SCEPTER_CA_KEY_PASSWORD": PLANTED,
    "SCEPTER_MANAGEMENT_KEY": PLANTED,
    "SCEPTER_PUBLIC_URL": f"http://{PLANTED}.azurewebsites.net",
}


@pytest.mark.parametrize(
    "environment",
    [{**LOCAL, name: value} for name, value in WRONG.items()]
    + [{**AZURE, name: value} for name, value in WRONG_IN_AZURE.items()],
    ids=[*WRONG, *(f"azure-{name}" for name in WRONG_IN_AZURE)],
)
def test_errors_name_the_setting_and_never_its_value(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environment)
    wrong = next(name for name, value in environment.items() if PLANTED in value)
    assert wrong.removesuffix("__B") in str(caught.value)
    # Nor may an exception that a log prints with this one, or keeps hold of, carry it.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_secrets_do_not_show() -> None:
    secret = {
        "SCEPTER_CHALLENGE_KEYS": PLANTED,
        "SCEPTER_CA_KEY_PASSWORD": PLANTED,
        "SCEPTER_CALLER_SECRETS__DEMO": PLANTED,
        "SCEPTER_STATIC_CHALLENGES__X": PLANTED,
        "SCEPTER_MANAGEMENT_KEY": PLANTED,
        "SCEPTER_INTUNE__DEFAULT__TENANT": "contoso.com",
        "SCEPTER_INTUNE__DEFAULT__CLIENT_ID": "aaaabbbb-cccc-4ddd-8eee-ffff00001111",
        "SCEPTER_INTUNE__DEFAULT__CLIENT_SECRET": PLANTED,
    }
    settings = load({**LOCAL, **secret})
    assert settings.management_key.get_secret_value() == PLANTED
    assert PLANTED not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "url",
    [
        "http://pki.example.org",
        "http://PKI.example.org:8080/scepter/",
        "https://pki",
        "http://127.0.0.1:7071",
        "http://[::1]:7071",
    ],
)
def test_base_urls(url: str) -> None:
    assert load({**LOCAL, "SCEPTER_PUBLIC_URL": url}).public_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "pki.example.org",
        "ldap://pki.example.org",
        "http://",
        "http:///crl",
        "http://user@pki.example.org",
        "http://pki.example.org?x=1",
        "http://pki.example.org#x",
        "http://pki.example.org//x",
        "http://pki.example.org\n",
        " http://pki.example.org",
        "http://pki.exämple.org",
        "http://[::1",
        "http://pki.example.org:port",
    ],
)
def test_what_is_no_base_url(url: str) -> None:
    expected = "SCEPTER_PUBLIC_URL: must look like http://pki.example.org"
    assert refusal({**LOCAL, "SCEPTER_PUBLIC_URL": url}) == expected


@pytest.mark.parametrize("prefix", ["9abc", "a-b", "a" * 22])
def test_a_table_prefix_must_begin_a_table_name(prefix: str) -> None:
    assert "SCEPTER_TABLE_PREFIX" in refusal({**LOCAL, "SCEPTER_TABLE_PREFIX": prefix})
    assert load({**LOCAL, "SCEPTER_TABLE_PREFIX": "t1"}).table_prefix == "t1"


def test_keys_of_a_vault_by_short_and_by_whole_names() -> None:
    vault = {**LOCAL, "SCEPTER_VAULT_URL": "https://example.vault.azure.net/"}
    settings = load(vault)
    assert str(settings.ca_key) == "https://example.vault.azure.net/keys/issuing-ca"
    assert str(settings.import_key) == "https://example.vault.azure.net/keys/pfx-import"
    whole = f"https://hsm1.managedhsm.azure.net/keys/ca/{'0a' * 16}"
    assert str(load({**vault, "SCEPTER_VAULT_CA_KEY": whole}).ca_key) == whole
    assert str(load({**vault, "SCEPTER_VAULT_CA_KEY": f"ca/{'0a' * 16}"}).ca_key).endswith(f"/ca/{'0a' * 16}")


def test_azure_takes_what_it_needs() -> None:
    assert type(load(AZURE)) is AzureSettings
    assert type(load({**LOCAL, "WEBSITE_INSTANCE_ID": "1"})) is AzureSettings


@pytest.mark.parametrize("name", ["SCEPTER_CA_FOLDER", "SCEPTER_CA_KEY_PASSWORD", "SCEPTER_MANAGEMENT_KEY"])
def test_azure_refuses_what_is_for_the_embedded_host(name: str) -> None:
    assert f"{name}: is for the embedded host" in refusal({**AZURE, name: "anything"})
    load({**AZURE, name: ""})
    load({**LOCAL, name: "anything"})


@pytest.mark.parametrize(
    "host",
    [
        "scepter.azurewebsites.net",
        "SCEPTER.AzureWebSites.net",
        "scepter-abc.westeurope-01.azurewebsites.net",
        "scepter.blob.core.windows.net",
        "scepter.z01.azurefd.net",
        "scepter.azurewebsites.us",
    ],
)
def test_azure_refuses_to_tie_certificates_to_a_name_of_its_own(host: str) -> None:
    environment = {**AZURE, "SCEPTER_PUBLIC_URL": f"http://{host}/"}
    text = refusal(environment)
    assert text.startswith("SCEPTER_PUBLIC_URL: ")
    assert "SCEPTER_ALLOW_DEFAULT_HOST" in text
    assert load({**environment, "SCEPTER_ALLOW_DEFAULT_HOST": "true"}).on_default_azure_host
    assert not load(
        {**AZURE, "SCEPTER_PUBLIC_URL": "http://azurewebsites.net.example.org"}
    ).on_default_azure_host


CLIENT = "aaaabbbb-cccc-4ddd-8eee-ffff00001111"


def test_a_tenant_is_one_setting_for_each_value() -> None:
    settings = load(
        {**LOCAL, "SCEPTER_INTUNE__DEFAULT__TENANT": "contoso.com", "SCEPTER_INTUNE__B_C__TENANT": CLIENT}
    )
    assert {name: values.tenant for name, values in settings.intune.items()} == {
        "default": "contoso.com",
        "b_c": CLIENT,
    }
    assert settings.intune["default"].authority == "https://login.microsoftonline.com"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"CLIENT_ID": CLIENT}, "SCEPTER_INTUNE__DEFAULT__TENANT: is missing"),
        ({"TENANT": "a.b", "CLIENT_SECRET": "x"}, "no CLIENT_ID that it belongs to"),
        (
            {"TENANT": "a.b", "CLIENT_ID": CLIENT, "CLIENT_SECRET": "x", "CLIENT_CERTIFICATE": "y"},
            "one of them is enough",
        ),
        ({"TENANT": "a.b", "GRAPH_URL": "http://graph.example.org"}, "must look like https://"),
        ({"TENANT": "a.b", "SCOPE": "https://api.example.org/"}, "SCEPTER_INTUNE__DEFAULT__SCOPE"),
        ({"TENANT": "a.b", "TENNANT": "a.b"}, "SCEPTER_INTUNE__DEFAULT__TENNANT"),
    ],
)
def test_a_tenant_is_checked_as_a_whole(values: dict[str, str], fault: str) -> None:
    environment = {f"SCEPTER_INTUNE__DEFAULT__{name}": value for name, value in values.items()}
    assert fault in refusal({**LOCAL, **environment})


@pytest.mark.parametrize("count", ["1", "3", "6", "255", "512", "-2", "x"])
def test_shards_are_a_power_of_two(count: str) -> None:
    assert refusal({**LOCAL, "SCEPTER_CRL_SHARDS": count}).startswith("SCEPTER_CRL_SHARDS: ")
    for right in (0, 2, 16, 256):
        assert load({**LOCAL, "SCEPTER_CRL_SHARDS": str(right)}).crl_shards == right


@pytest.mark.parametrize("hours", ["0.5", "73", "-1"])
def test_a_delta_lives_an_hour_at_least_and_no_longer_than_a_crl(hours: str) -> None:
    assert refusal({**LOCAL, "SCEPTER_CRL_DELTA_HOURS": hours}).startswith("SCEPTER_CRL_DELTA_HOURS: ")
    settings = load({**LOCAL, "SCEPTER_CRL_DELTA_HOURS": "72"})
    assert settings.crl_delta_life == settings.crl_life == timedelta(hours=72)
    assert load(LOCAL).crl_delta_life is None
