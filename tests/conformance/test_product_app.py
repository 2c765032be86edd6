"""The product's own function_app.py under Microsoft's worker library: what that refuses serves nothing in Azure."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ocsp

from commands.first_run import prepare, read_values
from local.azurite import Azurite
from shared.ca.ceremony import CAPlan
from shared.ca.folder import CAFolder
from shared.policy.profiles import Profiles
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.client import build_request, read_reply
from shared.scep.message import PKIStatus
from shared.scep.mint import ChallengeMint
from shared.x509.ocsp import CertID, OCSPRequest
from tests.conformance.harness import Invocation, Outcome, run_app
from tests.host.process import ROOT
from tests.scep.authority import csr, self_signed

pytestmark = [pytest.mark.conformance]


@pytest.fixture(scope="module")
def outcome(python_313: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_app(python_313, ROOT, [], tmp_path_factory.mktemp("product"), {})


def triggers(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {
        name: next(b for b in bindings if b["type"].endswith("Trigger"))
        for name, bindings in outcome.functions.items()
    }


def test_the_product_is_indexed(outcome: Outcome) -> None:
    assert outcome.failure is None
    assert {trigger["type"] for trigger in triggers(outcome).values()} >= {"httpTrigger", "timerTrigger"}


def test_no_route_is_one_that_the_host_keeps_for_itself(outcome: Outcome) -> None:
    prefix = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"]
    routes = [t["route"] for t in triggers(outcome).values() if t["type"] == "httpTrigger"]
    assert prefix == ""
    assert routes
    assert [route for route in routes if route.lower().startswith(("admin", "runtime"))] == []


def test_scep_which_has_threads_of_its_own_is_served(
    python_313: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {
        "SCEPTER_PUBLIC_URL": "http://pki.example.org",
        "SCEPTER_CHALLENGE_KEYS": "bm90IGEgc2VjcmV0LCBub3QgYSBzZWNyZXQsIG5vdDE=",
        "SCEPTER_PROFILES_FILE": str(ROOT / "profiles.sample.toml"),
    }
    url = "http://pki.example.org/scep/any?operation="
    asked = {"nobody": "GetCACaps", "device": "PKIOperation"}
    calls = [
        Invocation("scep", {"method": "GET", "url": url + operation, "params": {"profile": profile}})
        for profile, operation in asked.items()
    ]
    results = run_app(python_313, ROOT, calls, tmp_path_factory.mktemp("scep"), settings).results
    assert [result["error"] for result in results] == [None, None]
    assert [result["returned"]["status_code"] for result in results] == ["404", "400"]


def test_ocsp_is_served_by_post_and_get(
    python_313: Path, tmp_path: Path, azurite: Azurite, unique_name: str
) -> None:
    """A whole answer for what was never issued; a path as the platform hands it over; and what cannot be read."""
    settings = tmp_path / "local.settings.json"
    prepare(settings, plan=CAPlan(root_key="p-256", issuing_key="p-256"))
    values = read_values(settings) | {
        "AzureWebJobsStorage": azurite.connection_string,
        "SCEPTER_TABLE_PREFIX": unique_name,
    }
    issuing = CAFolder(tmp_path / "ca").certificate("issuing")
    message = OCSPRequest((CertID.of(issuing, 7),)).encoded
    url = "https://localhost/ocsp"
    in_base64 = base64.b64encode(message).decode()
    calls = [
        Invocation("ocsp", {"method": "POST", "url": url, "headers": {}, "body": message.hex()}),
        Invocation("ocsp", {"method": "GET", "url": f"{url}/{in_base64}", "params": {"rest": in_base64}}),
        Invocation("ocsp", {"method": "GET", "url": f"{url}/x", "params": {"rest": "x"}}),
    ]
    outcome = run_app(python_313, ROOT, calls, tmp_path, values)
    assert [(result["ok"], result["error"]) for result in outcome.results] == [(True, None)] * len(calls)
    returned = [result["returned"] for result in outcome.results]
    assert {answer["status_code"] for answer in returned} == {"200"}
    assert {answer["headers"]["content-type"] for answer in returned} == {"application/ocsp-response"}
    responses = [ocsp.load_der_ocsp_response(bytes.fromhex(answer["body"])) for answer in returned]
    assert [response.response_status.name for response in responses] == [
        "SUCCESSFUL",
        "SUCCESSFUL",
        "MALFORMED_REQUEST",
    ]
    assert responses[1].certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def scep(operation: str, method: str = "GET", body: bytes = b"") -> Invocation:
    url = f"https://localhost/scep/device?operation={operation}"
    trigger = {
        "method": method,
        "url": url,
        "headers": {},
        "query": {"operation": operation},
        "params": {"profile": "device", "rest": ""},
        "body": body.hex(),
    }
    return Invocation("scep", trigger)


def test_a_device_enrols_through_the_worker(
    python_313: Path, tmp_path: Path, azurite: Azurite, unique_name: str
) -> None:
    """Caps, CA certificates and PKCSReq, with the bytes that Azure would pass."""
    settings = tmp_path / "local.settings.json"
    prepare(settings, plan=CAPlan(root_key="p-256", issuing_key="p-256"))
    values = read_values(settings) | {
        "AzureWebJobsStorage": azurite.connection_string,
        "SCEPTER_TABLE_PREFIX": unique_name,
    }
    ra = CAFolder(tmp_path / "ca").ra_identities()[0].certificate
    profiles = Profiles.load(tmp_path / "profiles.toml")
    sealed = SealedChallenges([values["SCEPTER_CHALLENGE_KEYS"]])
    mint = ChallengeMint(profiles, {"demo": values["SCEPTER_CALLER_SECRETS__DEMO"]}, sealed)
    order = json.dumps({"profile": "device", "subject": "CN=dev1", "device": "dev1"}).encode()
    challenge = mint.mint(values["SCEPTER_CALLER_SECRETS__DEMO"], order, now=datetime.now(UTC)).challenge
    requester = self_signed()
    message, transaction, nonce = build_request(csr("CN=dev1", challenge=challenge), requester, ra)
    calls = [scep("GetCACaps"), scep("GetCACert"), scep("PKIOperation", "POST", message), scep("None")]
    outcome = run_app(python_313, ROOT, calls, tmp_path, values)
    assert [(result["ok"], result["error"]) for result in outcome.results] == [(True, None)] * len(calls)
    returned = [result["returned"] for result in outcome.results]
    assert [answer["status_code"] for answer in returned] == ["200", "200", "200", "403"]
    assert b"POSTPKIOperation" in bytes.fromhex(returned[0]["body"])
    assert returned[2]["headers"]["content-type"] == "application/x-pki-message"
    answer = bytes.fromhex(returned[2]["body"])
    reply = read_reply(answer, requester, ra, transaction_id=transaction, nonce=nonce)
    assert reply.status is PKIStatus.SUCCESS
    assert reply.certificates[0].subject.text() == "CN=dev1"
