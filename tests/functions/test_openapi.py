"""`GET /openapi.json`: every public path of callers and devices, with schemas that real bodies keep to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from functions import openapi
from functions.openapi import describe
from tests.functions.application import MemoryApplication, body, call, request

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = describe()
PARTS = ("pkcs", "pfx", "deliveries")


def resolve(node: Any) -> list[str]:
    """Every reference below a node."""
    if isinstance(node, dict):
        found = [node["$ref"]] if "$ref" in node else []
        return found + [each for value in node.values() for each in resolve(value)]
    return [each for value in node for each in resolve(value)] if isinstance(node, list) else []


def test_it_is_served_to_everybody(app: MemoryApplication) -> None:
    response = call(openapi.openapi, request("GET", "/openapi.json"))
    assert response.status_code == 200
    assert body(response) == json.loads(json.dumps(DOCUMENT))
    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere() -> None:
    references = set(resolve(DOCUMENT))
    assert references
    for reference in references:
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_route_of_callers_and_devices_is_described_and_no_other() -> None:
    """In a process of its own: an app can be indexed only once."""
    program = (
        "import json, function_app as f\n"
        "bindings = [json.loads(b) for x in f.app.get_functions() for b in x.get_raw_bindings()]\n"
        "print(json.dumps([[b['route'], b['methods']] for b in bindings if 'route' in b]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    routes = {
        (f"/{route}", str(method).lower())
        for route, methods in json.loads(done.stdout)
        if route.split("/")[0] in PARTS
        for method in methods
    }
    described = {
        (path, method)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert described == routes


def test_answers_keep_to_their_schemas() -> None:
    """The properties of real answers are those described; tests of the triggers and of issuing make them."""
    schemas = DOCUMENT["components"]["schemas"]
    from tests.pfx.world import PKCSWorld

    world = PKCSWorld()
    world.enrol()
    document = world.open(world.serve()).document
    made, _ = schemas["Delivery"]["oneOf"]
    assert set(document) == set(made["properties"]) == set(made["required"])
    assert set(schemas["PKCSOrder"]["required"]) == {"id", "profile"}
    assert {"onPremisesSecurityIdentifier", "userPrincipalName"} <= set(schemas["User"]["properties"])
    pattern = schemas["PKCSOrder"]["properties"]["id"]["pattern"]
    assert re.fullmatch(pattern, "order-1")
