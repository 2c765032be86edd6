"""The client against the fake: tokens, discovery, what travels, what is logged, and the end of every wait."""

from __future__ import annotations

import base64
import logging
from uuid import UUID

import pytest

from fakes.microsoft import FakeIntune, Lost, Reset, Status
from fakes.microsoft.entra import CLIENT_SECRET, GRAPH_ROLE
from shared.errors import IntuneUnavailable
from shared.intune.client import IntuneClient, Issuance
from shared.intune.wire import CallRefused
from tests.intune.scene import NOT_AFTER, allowed, client_for, refused
from tests.scep.authority import csr


def test_tokens_and_locations_are_kept(fake: FakeIntune, client: IntuneClient, request_der: bytes) -> None:
    for _ in range(3):
        assert allowed(client, request_der)
    assert fake.acts().count("validateRequest") == 3
    assert fake.acts("token", "discovery") == ["token", "discovery", "discovery", "discovery", "token"]


def test_every_call_carries_what_the_service_wants(
    fake: FakeIntune, client: IntuneClient, request_der: bytes
) -> None:
    allowed(client, request_der)
    (call,) = [call for call in fake.calls if call.act == "validateRequest"]
    assert call.request.headers["api-version"] == "2018-02-20"
    assert call.request.headers["content-type"] == "application/json; charset=utf-8"
    assert str(UUID(call.request_id)) == call.request_id
    assert call.document == {
        "request": {
            "transactionId": "transaction-1",
            "certificateRequest": base64.b64encode(request_der).decode(),
            "callerInfo": "Scepter",
        }
    }
    ids = [each.request_id for each in fake.calls if each.act in ("discovery", "validateRequest")]
    assert len(set(ids)) == len(ids) == 4


def test_a_sovereign_cloud_is_a_matter_of_settings(fake: FakeIntune, request_der: bytes) -> None:
    fake.entra.graph_audience, fake.entra.intune_audience = "https://graph.example", "https://intune.example/"
    fake.graph.version, fake.scep.version = "beta", "2030-01-01"
    fake.graph.app_id = "12345678-0000-0000-c000-000000000000"
    client = client_for(
        fake,
        GRAPH_VERSION="beta",
        GRAPH_SCOPE="https://graph.example/.default",
        SCOPE="https://intune.example//.default",
        APP_ID=fake.graph.app_id,
        SCEP_API_VERSION="2030-01-01",
    )
    assert allowed(client, request_der)
    client.close()


def test_a_missing_permission_of_graph_is_told(fake: FakeIntune, request_der: bytes) -> None:
    fake.entra.roles -= {GRAPH_ROLE}
    client = client_for(fake)
    refused(client, request_der, "discovery: Graph says 401", "may not read it")
    client.close()
    fake.entra.roles.add(GRAPH_ROLE)
    fake.graph.forbidden = True
    client = client_for(fake)
    refused(client, request_der, "discovery: Graph says 403", "may not read it")
    client.close()


def test_a_tenant_without_the_service_is_told(
    fake: FakeIntune, client: IntuneClient, request_der: bytes
) -> None:
    fake.graph.missing.add("scepRequestValidationFEService".lower())
    refused(client, request_der, "no service ScepRequestValidationFEService")
    fake.graph.missing.clear()
    assert allowed(client, request_der)


def test_a_tenant_without_intune_is_told(fake: FakeIntune, client: IntuneClient, request_der: bytes) -> None:
    fake.script("discovery", Status(404))
    refused(client, request_der, "no Intune service principal")


@pytest.mark.parametrize(
    "body",
    [
        b'{"value":[{"providerName":"x"},7,null,{"uri":"y"},{"providerName":7,"uri":7}]}',
        b'{"value":[]}',
        b'{"value":[],"@odata.nextLink":"https://elsewhere.example/next"}',
        b"[]",
        b"\xff",
    ],
)
def test_a_list_of_any_form_is_borne(
    fake: FakeIntune, client: IntuneClient, request_der: bytes, body: bytes
) -> None:
    fake.script("discovery", Status(200, body=body))
    refused(client, request_der, "discovery: ")


def test_the_token_follows_no_link_to_another_host(
    fake: FakeIntune, client: IntuneClient, request_der: bytes
) -> None:
    body = b'{"value":[],"@odata.nextLink":"https://elsewhere.example/next"}'
    fake.script("discovery", Status(200, body=body))
    refused(client, request_der, "another host")


def test_a_redirect_is_not_followed(fake: FakeIntune, client: IntuneClient, request_der: bytes) -> None:
    fake.always(Status(307, {"Location": f"{fake.url}/elsewhere"}), "validateRequest")
    refused(client, request_der, "HTTP 307")
    assert "" not in fake.acts()


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_call_that_is_wrong_is_not_made_again(
    fake: FakeIntune, client: IntuneClient, request_der: bytes, status: int
) -> None:
    fake.script("validateRequest", Status(status))
    with pytest.raises(CallRefused, match=f"HTTP {status}"):
        client.validate("transaction-1", request_der)
    assert fake.acts("validateRequest") == ["validateRequest"]


def test_a_long_pause_is_not_waited_for(fake: FakeIntune, client: IntuneClient, request_der: bytes) -> None:
    fake.always(Status(429, {"Retry-After": "3600"}), "validateRequest")
    with pytest.raises(IntuneUnavailable) as away:
        client.validate("transaction-1", request_der)
    assert away.value.retry_after == 600
    assert fake.acts("validateRequest") == ["validateRequest"]


def issuance(request_der: bytes) -> Issuance:
    return Issuance("transaction-1", request_der, "AB" * 20, "0C0FFEE5", NOT_AFTER, "CN=Issuing", "issuer-1")


def test_what_a_failure_says_fits(fake: FakeIntune, client: IntuneClient, request_der: bytes) -> None:
    for result, description in ((-(2**31), "x" * 9000), (5, ""), (-1, "\u00fc\u4e2d")):
        assert client.notify_failure("transaction-1", request_der, result, description).accepted
    assert [len(each["errorDescription"]) for each in fake.scep.failures] == [255, 6, 2]
    assert client.notify_success(issuance(request_der)).accepted
    assert fake.scep.successes[0]["certificateExpirationDateUtc"] == "2027-01-31T12:00:00.000Z"


@pytest.mark.parametrize("fault", [Reset(), Lost(), Status(500), Status(401), Status(404)])
def test_notifications_are_made_again_with_the_same_transaction(
    fake: FakeIntune, client: IntuneClient, request_der: bytes, fault: Reset | Lost | Status
) -> None:
    fake.script("successNotification", fault)
    assert client.notify_success(issuance(request_der)).accepted
    assert {each["transactionId"] for each in fake.scep.successes} == {"transaction-1"}


def test_nothing_secret_is_logged_at_any_level(
    fake: FakeIntune, client: IntuneClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    challenge = fake.scep.challenges.mint("CN=dev1,O=Example")
    request_der = csr(challenge=challenge)
    assert allowed(client, request_der)
    fake.always(Status(500), "validateRequest")
    refused(client, request_der)
    client.notify_success(issuance(request_der))
    said = caplog.text + "".join(str(record.args) for record in caplog.records)
    ids = [call.request_id for call in fake.calls if call.act in ("validateRequest", "successNotification")]
    assert all(each in said for each in ids)
    assert "'Authorization': 'REDACTED'" in said
    encoded = base64.b64encode(request_der).decode()
    for secret in (CLIENT_SECRET, challenge, encoded, encoded[200:300], *fake.entra.tokens):
        assert secret not in said


def test_a_secret_does_not_show(client: IntuneClient) -> None:
    assert CLIENT_SECRET not in f"{client.tenant!r} {vars(client)!r}"
    assert "request" not in repr(issuance(b"request"))
