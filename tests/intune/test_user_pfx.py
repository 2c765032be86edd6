"""userPFXCertificate through Graph: what is sent, what is waited for, and what an error says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from shared.errors import ChallengeRejected, IntuneUnavailable, PolicyViolation, RequestError
from shared.intune.user_pfx import UserPFXCertificates
from shared.pfx.graph_format import to_graph
from tests.intune.graph_server import RESOURCE, Credential, Graph, graph
from tests.pfx.imported_site import ImportSite, import_key
from tests.pfx.mail import PASSWORD, USER, holder
from tests.scep.authority import DAY, NOW


@pytest.fixture
def served() -> Iterator[Graph]:
    with graph() as running:
        yield running


@pytest.fixture
def client(served: Graph) -> Iterator[UserPFXCertificates]:
    made = UserPFXCertificates(Credential(), served.url)
    yield made
    made.close()


def certificate(number: int = 0, user: str = USER) -> dict[str, object]:
    owner = holder(f"ann {number}", begins=NOW - number * DAY)
    order = ImportSite().order(owner, user=user)
    return to_graph(order, provider="A provider", padding="oaepSha256", created_at=NOW)


def test_what_is_created_is_what_graph_takes(served: Graph, client: UserPFXCertificates) -> None:
    made = certificate()
    identifier = client.create(made)
    (created,) = served.created
    assert identifier == created["id"] == f"{'0' * 32}-{made['thumbprint']}"
    assert {name: created[name] for name in made} == json.loads(json.dumps(made))
    ciphertext = ImportSite().seal().ciphertext
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert import_key(1).decrypt(ciphertext, oaep).decode() == PASSWORD


def test_what_is_there_of_a_user_is_found_over_all_pages(served: Graph, client: UserPFXCertificates) -> None:
    user = "o'hara@example.org"
    made = [client.create(certificate(number, user)) for number in range(5)]
    client.create(certificate(9, "bob@example.org"))
    found = client.thumbprints("O'Hara@Example.org")
    assert found == {identifier.rpartition("-")[2] for identifier in made}
    assert len([each for each in served.asked if each.startswith("GET")]) == 3
    assert client.thumbprints("nobody@example.org") == set()


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {"x-ms-retry-after-ms": "20"}), (429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})],
)
def test_where_graph_throttles_it_is_waited_for(
    served: Graph, client: UserPFXCertificates, status: int, headers: dict[str, str]
) -> None:
    served.says = [(status, headers, {"error": {"message": "later"}})] * 2
    client.create(certificate())
    assert len(served.created) == 1
    assert served.asked == [f"POST {RESOURCE}"] * 3


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (400, RequestError, "400 Not like that"),
        (403, PolicyViolation, r"DeviceManagementConfiguration\.ReadWrite\.All"),
        (404, RequestError, "404 Not like that"),
        (409, RequestError, "409 Not like that"),
    ],
)
def test_an_error_has_graphs_words_and_request_id(
    served: Graph, client: UserPFXCertificates, status: int, error: type[Exception], told: str
) -> None:
    served.says = [(status, {"request-id": "abc-1"}, {"error": {"message": "Not like that"}})]
    with pytest.raises(error, match=told) as refused:
        client.create(certificate())
    assert "abc-1" in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 1}'])
def test_an_error_without_words_is_an_error_too(
    served: Graph, client: UserPFXCertificates, body: bytes
) -> None:
    served.says = [(400, {}, body)]
    with pytest.raises(RequestError, match="without a word"):
        client.create(certificate())


def test_an_answer_that_is_no_json_is_told(served: Graph, client: UserPFXCertificates) -> None:
    served.says = [(200, {}, b"<html>")]
    with pytest.raises(IntuneUnavailable, match="not JSON"):
        client.thumbprints(USER)


def test_a_token_that_is_not_taken_is_told(served: Graph) -> None:
    client = UserPFXCertificates(Credential("another"), served.url)
    with pytest.raises(RequestError, match="401 Access token is empty"):
        client.create(certificate())
    client.close()


def test_a_token_is_asked_for_graph_and_goes_to_nobody_in_clear(served: Graph) -> None:
    credential = Credential()
    client = UserPFXCertificates(credential, served.url)
    client.thumbprints(USER)
    assert credential.scopes == [f"{served.url}/.default"]
    client.close()
    clear = UserPFXCertificates(credential, "http://graph.example.org")
    with pytest.raises((IntuneUnavailable, ChallengeRejected), match="TLS"):
        clear.create(certificate())
    clear.close()


def test_a_server_that_is_not_there_is_told() -> None:
    client = UserPFXCertificates(Credential(), "http://127.0.0.1:9", retries=0)
    with pytest.raises(IntuneUnavailable, match="cannot be reached"):
        client.create(certificate())
    client.close()


def test_a_page_that_is_elsewhere_is_not_asked(served: Graph, client: UserPFXCertificates) -> None:
    elsewhere = {"value": [], "@odata.nextLink": "https://graph.example.com/beta/x"}
    served.says = [(200, {}, elsewhere)]
    with pytest.raises(IntuneUnavailable, match="somewhere else"):
        client.thumbprints(USER)


def test_the_fake_refuses_what_graph_would(served: Graph, client: UserPFXCertificates) -> None:
    good = certificate()
    changes: list[dict[str, Any]] = [
        {"paddingScheme": "pkcs1"},
        {"intendedPurpose": "vpn"},
        {"thumbprint": "x"},
        {"more": 1},
        {"startDateTime": "2026-01-01T00:00:00"},
    ]
    for change in changes:
        with pytest.raises(RequestError, match="400"):
            client.create({**good, **change})
    client.create(good)
    with pytest.raises(RequestError, match="409"):
        client.create(good)
