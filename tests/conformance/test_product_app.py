"""The product's own function_app.py under Microsoft's worker library: what that refuses serves nothing in Azure."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.harness import Invocation, Outcome, run_app
from tests.host.process import ROOT

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
