"""As whom the commands ask: by the embedded host's key, or with a token that only ever travels over https."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure.core.exceptions import ClientAuthenticationError

from commands.session import credentials
from shared.errors import DependencyError, RequestError

HTTPS = "https://pki.example.org"


class LoggedIn:
    """What azure-identity finds after `az login`; there is no Entra here."""

    def __enter__(self) -> LoggedIn:
        return self

    def __exit__(self, *_: object) -> None: ...

    def get_token(self, scope: str) -> SimpleNamespace:
        return SimpleNamespace(token=f"token for {scope}")


class LoggedOut(LoggedIn):
    """Nobody is."""

    def get_token(self, scope: str) -> SimpleNamespace:
        raise ClientAuthenticationError(f"no credential for {scope}\nand many words more")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SCEPTER_CLIENT_ID", "SCEPTER_MANAGEMENT_KEY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps({"Values": {"SCEPTER_MANAGEMENT_KEY": "the local key"}}))
    return path


def test_the_key_of_the_embedded_host(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials("http://127.0.0.1:7071", settings) == {"x-scepter-key": "the local key"}
    monkeypatch.setenv("SCEPTER_MANAGEMENT_KEY", "another")
    assert credentials("http://127.0.0.1:7071", settings) == {"x-scepter-key": "another"}


def test_a_token_for_the_app_registration_and_no_key(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCEPTER_CLIENT_ID", "1234")
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", LoggedIn)
    assert credentials(HTTPS, settings) == {"Authorization": "Bearer token for api://1234/.default"}


def test_no_token_over_http_and_none_without_a_login(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCEPTER_CLIENT_ID", "1234")
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", LoggedOut)
    with pytest.raises(RequestError, match="over https only"):
        credentials("http://pki.example.org", settings)
    with pytest.raises(
        DependencyError, match=r"no token for 1234: no credential for [^ ]*; az login"
    ) as caught:
        credentials(HTTPS, settings)
    assert "many words" not in caught.value.reason
