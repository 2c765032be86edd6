"""Whatever JSON the services answer, the client says that they are away, or what they said; it never breaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.microsoft import FakeIntune
from shared.errors import IntuneUnavailable
from shared.intune.client import CONNECTOR_SERVICE, SCEP_SERVICE, IntuneClient
from shared.intune.discovery import ServiceLocations
from shared.intune.revocations import RevocationRequest, RevocationResult, requests_in
from shared.intune.verdicts import Outcome
from shared.intune.wire import Answer, CallRefused
from tests.intune.scene import client_for

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
MEMBERS = (
    *("value", "code", "errorDescription", "providerName", "serviceName", "uri", "@odata.nextLink"),
    *("requestContext", "serialNumber", "issuerName", "caConfiguration"),
)
NAMES = st.sampled_from(MEMBERS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
DOCUMENTS = st.none() | st.dictionaries(NAMES, JSON, max_size=5)
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 404, 429, 500, 503])
ANSWERS = st.builds(Answer, STATUSES, DOCUMENTS, st.integers(1, 600), st.just("id"))
BORNE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Scripted:
    """A wire that answers the same to everything but discovery."""

    def __init__(self) -> None:
        self.answer = Answer(200, {}, 30, "id")

    def post(self, *_: object, **__: object) -> Answer:
        return self.answer

    def close(self) -> None:
        pass


@pytest.fixture
def scripted(fake: FakeIntune) -> IntuneClient:
    client = client_for(fake)
    client.close()
    wire: Any = Scripted()
    client._wire = wire
    services = (SCEP_SERVICE, CONNECTOR_SERVICE)
    client._services._known = {name.lower(): "https://intune.example.org" for name in services}
    client._services._rests_until = float("inf")
    return client


@settings(BORNE, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(ANSWERS)
def test_any_answer_is_an_outcome_or_an_outage(scripted: IntuneClient, answer: Answer) -> None:
    wire: Any = scripted._wire
    wire.answer = answer
    scripted._breaker._failures = 0
    for call in (
        lambda: scripted.validate("1", b"request"),
        lambda: scripted.notify_failure("1", b"request", 5, "no"),
        scripted.download_revocations,
        lambda: scripted.upload_results([RevocationResult("context")]),
    ):
        try:
            found: Any = call()
        except (IntuneUnavailable, CallRefused):
            continue
        if isinstance(found, Outcome):
            assert answer.document is not None
            assert found.accepted is (answer.document["code"] == "Success")
            assert len(found.reason()) < 1500
        elif isinstance(found, tuple):
            assert all(isinstance(each, RevocationRequest) for each in found)


@BORNE
@given(ANSWERS)
def test_any_list_of_services_is_borne(answer: Answer) -> None:
    locations = ServiceLocations(lambda _: answer, "https://graph.example.org/list")
    try:
        assert isinstance(locations.locate("value"), str)
    except IntuneUnavailable as away:
        assert away.retry_after >= 1


@BORNE
@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_a_list_of_requests_is_whole_or_none(document: dict[str, Any]) -> None:
    found = requests_in(document)
    if found is not None:
        assert len(found) == len(document["value"])
        assert all(each.context and each.serial for each in found)
