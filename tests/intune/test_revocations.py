"""The calls of the revocation queue: at least once, acknowledged once, and nothing believed that was not said."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.microsoft import FakeIntune, Garbage, Lost, Reset, Status, Unrecorded
from shared.errors import IntuneUnavailable
from shared.intune.client import IntuneClient
from shared.intune.revocations import RevocationError, RevocationRequest, RevocationResult, requests_in
from shared.intune.wire import CallRefused

DOWNLOAD, UPLOAD = "downloadRevocationRequests", "uploadRevocationResults"


def test_an_empty_queue_is_nothing(client: IntuneClient) -> None:
    assert client.download_revocations() == ()


def test_items_come_with_what_was_reported_at_issuance(fake: FakeIntune, client: IntuneClient) -> None:
    item = fake.revocations.add("0C0FFEE5", "CN=Issuing", "issuer-1")
    fake.revocations.add("0C0FFEE6")
    assert client.download_revocations() == (
        RevocationRequest(item.leases[0], "0C0FFEE5", "CN=Issuing", "issuer-1"),
        RevocationRequest(fake.revocations.waiting[1].leases[0], "0C0FFEE6"),
    )
    (call,) = [call for call in fake.calls if call.act == DOWNLOAD]
    assert call.document == {"downloadParameters": {"maxRequests": 500, "issuerName": None}}
    assert call.request.headers["api-version"] == "5019-05-05"


def test_a_filter_and_a_limit_are_passed_on(fake: FakeIntune, client: IntuneClient) -> None:
    for number in range(5):
        fake.revocations.add(f"0{number}", "CN=Ours" if number % 2 else "CN=Theirs")
    assert [each.serial for each in client.download_revocations(1, "CN=Ours")] == ["01"]
    assert [each.serial for each in client.download_revocations(500, "CN=Ours")] == ["03"]


def test_what_is_not_answered_comes_again_after_its_lease(fake: FakeIntune, client: IntuneClient) -> None:
    fake.revocations.lease = 0
    fake.revocations.add("0A")
    first, again = client.download_revocations(), client.download_revocations()
    assert first[0].serial == again[0].serial
    assert first[0].context != again[0].context
    client.upload_results([RevocationResult(again[0].context)])
    assert client.download_revocations() == ()


def test_results_are_recorded_by_name_and_finally(fake: FakeIntune, client: IntuneClient) -> None:
    items = [fake.revocations.add(f"0{number}") for number in range(3)]
    fake.revocations.lease = 0
    contexts = [each.context for each in client.download_revocations()]
    client.upload_results(
        [
            RevocationResult(contexts[0]),
            RevocationResult(contexts[1], RevocationError.CERTIFICATE_NOT_FOUND, "unknown serial"),
            RevocationResult(contexts[2], RevocationError.SERVICE_UNAVAILABLE, "later"),
        ]
    )
    (call,) = [call for call in fake.calls if call.act == UPLOAD]
    assert call.document["results"][1] == {
        "requestContext": contexts[1],
        "succeeded": False,
        "errorCode": "CertificateNotFoundError",
        "errorMessage": "unknown serial",
    }
    assert [each.serial for each in client.download_revocations()] == [items[2].serial]
    assert {len(results) for results in fake.revocations.results.values()} == {1}


def test_the_same_certificate_twice_is_two_items(fake: FakeIntune, client: IntuneClient) -> None:
    fake.revocations.twice = True
    fake.revocations.add("0A")
    found = client.download_revocations()
    assert [each.serial for each in found] == ["0A", "0A"]
    assert len({each.context for each in found}) == 2


@pytest.mark.parametrize("fault", [Reset(), Lost(), Status(500), Status(401), Status(404), Garbage()])
def test_a_download_is_made_again(fake: FakeIntune, client: IntuneClient, fault: Any) -> None:
    fake.revocations.lease = 0
    fake.revocations.add("0A")
    fake.script(DOWNLOAD, fault)
    assert [each.serial for each in client.download_revocations()] == ["0A"]


@pytest.mark.parametrize("fault", [Lost(), Status(500), Status(503), Garbage(), Unrecorded(), Reset()])
def test_an_upload_that_may_have_arrived_is_not_made_again(
    fake: FakeIntune, client: IntuneClient, fault: Any
) -> None:
    fake.revocations.add("0A")
    (request,) = client.download_revocations()
    fake.script(UPLOAD, fault)
    with pytest.raises(IntuneUnavailable):
        client.upload_results([RevocationResult(request.context)])
    assert fake.acts(UPLOAD) == [UPLOAD]
    assert len(fake.revocations.results.get(request.context, [])) == (1 if isinstance(fault, Lost) else 0)


def test_a_service_that_has_moved_is_found_for_uploads_too(fake: FakeIntune, client: IntuneClient) -> None:
    fake.revocations.add("0A")
    (request,) = client.download_revocations()
    fake.graph.move()
    client.upload_results([RevocationResult(request.context)])
    assert fake.revocations.waiting == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"{}", b'{"value":null}', b'{"value":{}}', b'{"value":[7]}', b'{"value":[{"requestContext":"x"}]}'),
        *(b'{"value":[{"requestContext":"","serialNumber":"0A"}]}', b'{"value":[{"serialNumber":"0A"}]}'),
    ],
)
def test_what_is_no_list_of_requests_is_not_guessed_at(
    fake: FakeIntune, client: IntuneClient, body: bytes
) -> None:
    fake.script(DOWNLOAD, Status(200, body=body))
    with pytest.raises(IntuneUnavailable, match="no list of requests"):
        client.download_revocations()


@pytest.mark.parametrize(
    ("value", "recorded"),
    [("true", True), ('"true"', True), ('"True"', True)]
    + [(value, False) for value in ("false", "null", '"no"', "1", "[]")],
)
def test_recorded_is_what_is_said_to_be(
    fake: FakeIntune, client: IntuneClient, value: str, recorded: bool
) -> None:
    fake.script(UPLOAD, Status(200, body=f'{{"value":{value}}}'.encode()))
    if recorded:
        client.upload_results([RevocationResult("context")])
    else:
        with pytest.raises(IntuneUnavailable, match="not recorded"):
            client.upload_results([RevocationResult("context")])


@pytest.mark.parametrize("most", [0, 501])
def test_the_service_has_its_limits(client: IntuneClient, most: int) -> None:
    with pytest.raises(CallRefused):
        client.download_revocations(most)


def test_results_that_contradict_themselves_are_not_made() -> None:
    with pytest.raises(ValueError, match="no message"):
        RevocationResult("context", RevocationError.NONE, "but")
    with pytest.raises(ValueError, match="names the request"):
        RevocationResult("")
    assert not RevocationResult("context", RevocationError.CONFLICT).succeeded


def test_other_members_are_ignored() -> None:
    item = {"requestContext": "c", "serialNumber": "0A", "issuerName": None, "more": 1}
    assert requests_in({"@odata.context": "x", "value": [item]}) == (RevocationRequest("c", "0A"),)
