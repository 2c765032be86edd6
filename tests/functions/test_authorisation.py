"""Who may manage: a key on the embedded host, an Entra app role in Azure, and never one in place of the other."""

from __future__ import annotations

import base64
import json
from typing import Any

import azure.functions as func
import pytest

from functions.authorisation import ADMINISTRATOR, authorise
from shared import wiring
from shared.errors import ChallengeRejected
from tests.functions.application import AZURE, LOCAL, MANAGEMENT_KEY, MemoryApplication, request

ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def principal(claims: Any, **more: Any) -> str:
    """The header of App Service authentication."""
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims, **more}).encode()).decode()


def claim(kind: str, value: str) -> dict[str, str]:
    return {"typ": kind, "val": value}


ADMIN = principal([claim("name", "Ann"), claim("roles", ADMINISTRATOR)])
HTTPS = {"x-forwarded-proto": "https"}


def asked(**headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request("GET", "/manage/certificates", headers=named)


def in_azure(header: str | None, **more: str) -> func.HttpRequest:
    headers = {**HTTPS, **more} | ({} if header is None else {"x-ms-client-principal": header})
    return request("GET", "/manage/certificates", headers=headers)


def refused(req: func.HttpRequest) -> ChallengeRejected:
    with pytest.raises(ChallengeRejected) as refusal:
        authorise(req)
    return refusal.value


def test_the_local_key_opens(app: MemoryApplication) -> None:
    assert authorise(asked(x_scepter_key=MANAGEMENT_KEY)) == "local administrator"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "hunter2",
        MANAGEMENT_KEY[:-1],
        MANAGEMENT_KEY + "x",
        MANAGEMENT_KEY.upper(),
        "ü",
        "\udcff",
        "x" * 10_000,
    ],
)
def test_another_key_does_not(app: MemoryApplication, given: str) -> None:
    error = refused(asked(x_scepter_key=given))
    assert error.public == "Not authorised for the management API."
    assert MANAGEMENT_KEY not in error.reason
    assert not given or given not in error.reason


def test_a_request_without_a_key_is_refused(app: MemoryApplication) -> None:
    refused(asked())


@pytest.mark.parametrize("given", ["", "anything"])
def test_without_the_setting_nobody_manages(app: MemoryApplication, given: str) -> None:
    wiring.use(MemoryApplication(LOCAL, SCEPTER_MANAGEMENT_KEY=""))
    assert "SCEPTER_MANAGEMENT_KEY is not set" in refused(asked(x_scepter_key=given)).reason


def test_the_key_is_compared_in_constant_time(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return False

    monkeypatch.setattr("functions.authorisation.hmac.compare_digest", compare)
    refused(asked(x_scepter_key=MANAGEMENT_KEY))
    assert compared == [(MANAGEMENT_KEY.encode(), MANAGEMENT_KEY.encode())]


def test_outside_azure_a_principal_header_means_nothing(app: MemoryApplication) -> None:
    refused(in_azure(ADMIN))
    refused(in_azure(ADMIN, **{"x-scepter-key": "wrong"}))


def test_in_azure_the_local_key_means_nothing(azure_app: MemoryApplication) -> None:
    refused(in_azure(None, **{"x-scepter-key": MANAGEMENT_KEY}))
    refused(in_azure(None, **{"x-scepter-key": ""}))


def test_an_administrator_of_entra_is_named_for_the_record(azure_app: MemoryApplication) -> None:
    assert (
        authorise(in_azure(ADMIN, **{"x-ms-client-principal-name": "ann@example.org"})) == "ann@example.org"
    )
    assert authorise(in_azure(ADMIN)) == "Entra principal"


@pytest.mark.parametrize("role_type", ["roles", ROLE_CLAIM])
def test_the_role_is_read_under_the_name_that_the_principal_gives(
    azure_app: MemoryApplication, role_type: str
) -> None:
    assert authorise(in_azure(principal([claim(role_type, ADMINISTRATOR)], role_typ=role_type)))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "not base64!",
        "\u00fc",
        base64.b64encode(b"not json").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'"claims"').decode(),
        base64.b64encode(b"{}").decode(),
        principal(None),
        principal({}),
        principal([]),
        principal(["roles"]),
        principal([{"typ": "roles"}]),
        principal([claim("roles", "")]),
        principal([claim("roles", ADMINISTRATOR.lower())]),
        principal([claim("roles", f"{ADMINISTRATOR} ")]),
        principal([claim("roles", "Scepter.Reader")]),
        principal([claim("name", ADMINISTRATOR)]),
        principal([claim("groups", ADMINISTRATOR)]),
        principal([claim(ROLE_CLAIM, ADMINISTRATOR)], role_typ="roles"),
        principal([claim("roles", [ADMINISTRATOR])]),  # type: ignore[arg-type]
    ],
)
def test_a_principal_without_the_role_is_refused(azure_app: MemoryApplication, header: str | None) -> None:
    assert refused(in_azure(header)).public == "Not authorised for the management API."


@pytest.mark.parametrize("proto", ["", "http", "https,http"])
def test_in_azure_secrets_come_over_https_only(azure_app: MemoryApplication, proto: str) -> None:
    headers = {"x-ms-client-principal": ADMIN} | ({"x-forwarded-proto": proto} if proto else {})
    error = refused(request("GET", "/manage/certificates", headers=headers))
    assert error.public == "Use https for this address."


@pytest.mark.parametrize("value", ["", "False", "0"])
def test_while_app_service_authentication_is_off_the_header_is_anybodys(
    azure_app: MemoryApplication, value: str
) -> None:
    wiring.use(MemoryApplication(AZURE, WEBSITE_AUTH_ENABLED=value))
    assert "authentication is off" in refused(in_azure(ADMIN)).reason
