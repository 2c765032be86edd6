"""The fake is as strict as Intune is known to be: what a careless client would get away with is refused here."""

from __future__ import annotations

import base64
import ssl
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fakes.microsoft import FakeIntune
from fakes.microsoft.entra import CLIENT, CLIENT_SECRET, SCEP_ROLE, TENANT
from tests.scep.authority import csr

INTUNE_SCOPE, GRAPH_SCOPE = (
    "https://api.manage.microsoft.com//.default",
    "https://graph.microsoft.com/.default",
)
GOOD = "validateRequest"


class Careless:
    """Calls the fake by hand; each method's changes replace what would be right."""

    def __init__(self, fake: FakeIntune, http: httpx.Client) -> None:
        self.fake, self.http = fake, http
        self.request = csr(challenge=fake.scep.challenges.mint("CN=dev1,O=Example"))

    def token(self, scope: str = INTUNE_SCOPE, **changes: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": CLIENT_SECRET}
        return self.http.post(f"/{TENANT}/oauth2/v2.0/token", data={**form, "scope": scope, **changes})

    def bearer(self, scope: str = INTUNE_SCOPE) -> str:
        return f"Bearer {self.token(scope).json()['access_token']}"

    def call(
        self, action: str, body: Any, headers: dict[str, str] | None = None, version: str = "2018-02-20"
    ) -> httpx.Response:
        right = {
            "Authorization": self.bearer(),
            "api-version": version,
            "client-request-id": str(uuid.uuid4()),
            "Content-Type": "application/json",
        }
        given = {name: value for name, value in {**right, **(headers or {})}.items() if value}
        return self.http.post(action, json=body, headers=given)

    def scep(
        self, action: str = GOOD, headers: dict[str, str] | None = None, **changes: Any
    ) -> httpx.Response:
        body = {
            "transactionId": "1",
            "certificateRequest": base64.b64encode(self.request).decode(),
            "callerInfo": "tests",
            **ISSUED.get(action, {}),
            **changes,
        }
        body = {name: value for name, value in body.items() if value is not ...}
        wrapper = "request" if action == GOOD else "notification"
        return self.call(f"{self.fake.graph.scep_path()}/ScepActions/{action}", {wrapper: body}, headers)


ISSUED: dict[str, dict[str, Any]] = {
    "successNotification": {
        "certificateThumbprint": "AB" * 20,
        "certificateSerialNumber": "0A",
        "certificateExpirationDateUtc": "2027-01-31T12:00:00.000Z",
        "issuingCertificateAuthority": "CN=Issuing",
        "caConfiguration": None,
    },
    "failureNotification": {"hResult": -5, "errorDescription": "no"},
}


@pytest.fixture
def careless(fake: FakeIntune) -> Iterator[Careless]:
    context = ssl.create_default_context(cafile=fake.certificate)
    with httpx.Client(base_url=fake.url, verify=context, trust_env=False) as http:
        yield Careless(fake, http)


@pytest.mark.parametrize("action", [GOOD, *ISSUED])
def test_what_is_right_is_taken(careless: Careless, action: str) -> None:
    answer = careless.scep(action)
    assert (answer.status_code, answer.json()) == (200, {"code": "Success", "errorDescription": ""})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer made-up"}, 401),
        ({"api-version": ""}, 400),
        ({"api-version": "5019-05-05"}, 400),
        ({"client-request-id": ""}, 400),
        ({"client-request-id": "7"}, 400),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
def test_headers_are_looked_at(careless: Careless, headers: dict[str, str], status: int) -> None:
    assert careless.scep(headers=headers).status_code == status
    assert careless.fake.scep.successes == []


@pytest.mark.parametrize("action", [GOOD, *ISSUED])
@pytest.mark.parametrize(
    "changes",
    [
        {"transactionId": ""},
        {"transactionId": ...},
        {"certificateRequest": "*"},
        {"callerInfo": ...},
        {"more": "x"},
    ],
    ids=str,
)
def test_bodies_are_looked_at(careless: Careless, action: str, changes: dict[str, Any]) -> None:
    assert careless.scep(action, **changes).status_code == 400


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        ("successNotification", {"certificateThumbprint": "ab" * 20}),
        ("successNotification", {"certificateSerialNumber": ...}),
        ("successNotification", {"certificateExpirationDateUtc": "2027-01-31"}),
        ("successNotification", {"issuingCertificateAuthority": ""}),
        ("failureNotification", {"hResult": "5"}),
        ("failureNotification", {"hResult": 2**31}),
        ("failureNotification", {"errorDescription": ""}),
        ("failureNotification", {"errorDescription": "x" * 256}),
    ],
)
def test_notifications_are_looked_at(careless: Careless, action: str, changes: dict[str, Any]) -> None:
    assert careless.scep(action, **changes).status_code == 400
    assert (careless.fake.scep.successes, careless.fake.scep.failures) == ([], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"grant_type": "password"},
        {"client_id": "someone"},
        {"client_secret": "wrong"},
        {"scope": "https://api.manage.microsoft.com/.default"},
        {"scope": "openid"},
    ],
    ids=str,
)
def test_tokens_are_not_given_away(careless: Careless, changes: dict[str, str]) -> None:
    assert careless.token(**changes).status_code in (400, 401)


def test_a_token_is_for_one_audience_and_has_the_roles_of_its_day(careless: Careless) -> None:
    assert careless.scep(headers={"Authorization": careless.bearer(GRAPH_SCOPE)}).status_code == 401
    careless.fake.entra.roles -= {SCEP_ROLE}
    old = careless.bearer()
    careless.fake.entra.roles.add(SCEP_ROLE)
    assert careless.scep(headers={"Authorization": old}).status_code == 401
    assert careless.scep().status_code == 200


def test_discovery_is_at_its_place_for_those_who_may_read_it(careless: Careless) -> None:
    path = "/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints"
    headers = {"Authorization": careless.bearer(GRAPH_SCOPE), "client-request-id": str(uuid.uuid4())}
    page = careless.http.get(path, headers=headers).json()
    assert len(page["value"]) == 2
    assert page["@odata.nextLink"].startswith(careless.fake.url)
    other = {**headers, "Authorization": careless.bearer()}
    assert careless.http.get(path, headers=other).status_code == 401
    assert careless.http.get(path.replace("appId=", "appId(") + ")", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"downloadParameters": {"maxRequests": 0}},
        {"downloadParameters": {"maxRequests": 501}},
        {"downloadParameters": {"maxRequests": "5"}},
        {"downloadParameters": {"maxRequests": 5, "certificateProviderName": "x"}},
    ],
    ids=str,
)
def test_downloads_are_looked_at(careless: Careless, body: Any) -> None:
    url = f"{careless.fake.graph.connector_path()}/CertificateAuthorityRequests/downloadRevocationRequests"
    assert careless.call(url, body, version="5019-05-05").status_code == 400
    assert (
        careless.call(url, {"downloadParameters": {"maxRequests": 5}}, version="5019-05-05").status_code
        == 200
    )


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"succeeded": True}, 400),
        ({"requestContext": "c", "succeeded": "yes"}, 400),
        ({"requestContext": "c", "succeeded": True, "errorCode": "ConflictError"}, 400),
        ({"requestContext": "c", "succeeded": False, "errorCode": "None"}, 400),
        ({"requestContext": "c", "succeeded": False}, 400),
        ({"requestContext": "c", "succeeded": True, "errorMessage": "but"}, 400),
        ({"requestContext": "c", "succeeded": True}, 200),
        ({"requestContext": "c", "succeeded": True, "errorCode": "0"}, 200),
        ({"requestContext": "c", "succeeded": False, "errorCode": "4004"}, 200),
        ({"requestContext": "c", "succeeded": False, "errorCode": 4004}, 200),
    ],
    ids=str,
)
def test_uploads_are_looked_at(careless: Careless, result: Any, status: int) -> None:
    url = f"{careless.fake.graph.connector_path()}/CertificateAuthorityRequests/uploadRevocationResults"
    assert careless.call(url, {"results": [result]}, version="5019-05-05").status_code == status
    assert careless.call(url, {"results": []}, version="5019-05-05").status_code == 400


def test_every_call_is_recorded_in_its_order(careless: Careless) -> None:
    careless.scep()
    careless.scep("successNotification")
    careless.http.get("/nowhere")
    assert careless.fake.acts() == ["token", GOOD, "token", "successNotification", ""]
