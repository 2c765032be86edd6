"""The container's definition holds together: no Docker and no cluster are here, so it is compared with the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from shared.config import Settings
from tests.infra.rules import AZURE_SETTINGS
from tests.infra.test_bicep import ROOT, bindings_of_the_code
from tests.infra.test_deployment import CLOSURE, closure

FOLDER = ROOT / "infra" / "container"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
MANIFEST: dict[str, Any] = json.loads((FOLDER / "kubernetes.json").read_text(encoding="utf-8"))
HOST_SETTINGS = {
    *(
        "AzureWebJobsScriptRoot",
        "AzureFunctionsJobHost__Logging__Console__IsEnabled",
        "FUNCTIONS_WORKER_RUNTIME",
    ),
    *("ASPNETCORE_URLS", "PYTHONPATH"),
}


def instructions(dockerfile: str) -> list[tuple[str, list[str]]]:
    """Instruction and words of each, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", dockerfile)
    lines = [line.split() for line in joined.splitlines() if line and not line.startswith("#")]
    return [(words[0], words[1:]) for words in lines]


def copied(dockerfile: str) -> set[str]:
    return {source for kind, words in instructions(dockerfile) if kind == "COPY" for source in words[:-1]}


def missing(dockerfile: str) -> set[str]:
    """Files that app or front need and the image lacks."""
    needed = {*CLOSURE, *closure(FOLDER / "front.py"), "host.json", "profiles.toml", "requirements.txt"}
    there = copied(dockerfile)
    return {path for path in needed if not any(path == each or path.startswith(f"{each}/") for each in there)}


def environment(dockerfile: str) -> dict[str, str]:
    words = [word for kind, words in instructions(dockerfile) if kind == "ENV" for word in words]
    return dict(word.split("=", 1) for word in words)


def test_the_image_has_all_that_app_and_front_need_and_nothing_else_of_ours() -> None:
    assert missing(DOCKERFILE) == set()
    assert missing(DOCKERFILE.replace("COPY shared", "COPY share")) > {"shared/errors.py"}
    assert not {"tests", "local", "commands", "."} & copied(DOCKERFILE)
    there = {path for path in copied(DOCKERFILE) if path != "profiles.toml"}
    assert [path for path in there if not (ROOT / path).exists()] == []


def test_the_image_is_that_of_the_tests_and_of_azure() -> None:
    kinds = instructions(DOCKERFILE)
    assert kinds[0] == ("FROM", ["mcr.microsoft.com/azure-functions/python:4-python3.13"])
    assert environment(DOCKERFILE)["ASPNETCORE_URLS"] == "http://127.0.0.1:8081"  # what the front asks
    assert [words for kind, words in kinds if kind == "EXPOSE"] == [["8080"]]


def test_the_front_has_the_versions_that_it_is_tested_with() -> None:
    pins = re.compile(r"^[a-z-]+==\S+", re.MULTILINE)
    front = set(pins.findall((FOLDER / "requirements-front.txt").read_text(encoding="utf-8")))
    tested = set(pins.findall((ROOT / "requirements-dev.txt").read_text(encoding="utf-8")))
    assert front
    assert front <= tested


def items(kind: str) -> list[dict[str, Any]]:
    return [item for item in MANIFEST["items"] if item["kind"] == kind]


def unknown_settings(names: Iterator[str]) -> list[str]:
    own = {f"SCEPTER_{name.upper()}" for name in Settings.model_fields}
    known = AZURE_SETTINGS | HOST_SETTINGS
    return [name for name in names if name not in known and name.split("__")[0] not in own]


def test_every_setting_is_one() -> None:
    (given,) = items("ConfigMap")
    assert unknown_settings(iter([*given["data"], *environment(DOCKERFILE)])) == []
    assert unknown_settings(iter(["SCEPTER_PUBLIC_URI", "WEBSITE_X"])) == ["SCEPTER_PUBLIC_URI", "WEBSITE_X"]


def test_every_queue_of_the_code_scales_the_workers() -> None:
    (scaler,) = items("ScaledObject")
    triggers = scaler["spec"]["triggers"]
    queues = [trigger["metadata"]["queueName"] for trigger in triggers]
    assert sorted(queues) == sorted({queue for _, queue in bindings_of_the_code()})
    assert {trigger["type"] for trigger in triggers} == {"azure-queue"}
    (identity,) = items("TriggerAuthentication")
    assert {trigger["authenticationRef"]["name"] for trigger in triggers} == {identity["metadata"]["name"]}
    assert identity["spec"] == {"podIdentity": {"provider": "azure-workload"}}
    targets = {item["metadata"]["name"] for item in items("Deployment")}
    assert scaler["spec"]["scaleTargetRef"]["name"] in targets


def test_no_key_is_in_it() -> None:
    text = json.dumps(MANIFEST) + DOCKERFILE
    assert not re.search(
        r"AccountKey|SharedAccessSignature|connectionFromEnv|SCEPTER_\w*(KEY|SECRET)S?\w*[\"']:", text
    )


@pytest.mark.parametrize("name", ["scepter-http", "scepter-queues"])
def test_a_pod_is_one_image_under_one_identity(name: str) -> None:
    (found,) = [item for item in items("Deployment") if item["metadata"]["name"] == name]
    pod = found["spec"]["template"]
    assert pod["metadata"]["labels"] == found["spec"]["selector"]["matchLabels"] | {
        "azure.workload.identity/use": "true"
    }
    assert pod["spec"]["serviceAccountName"] == items("ServiceAccount")[0]["metadata"]["name"]
    assert len({container["image"] for container in pod["spec"]["containers"]}) == 1


def test_only_the_front_is_reached() -> None:
    (service,) = items("Service")
    (found,) = [item for item in items("Deployment") if item["metadata"]["name"] == "scepter-http"]
    assert service["spec"]["selector"] == found["spec"]["selector"]["matchLabels"]
    host, front = found["spec"]["template"]["spec"]["containers"]
    assert "ports" not in host
    assert service["spec"]["ports"][0]["targetPort"] == front["ports"][0]["containerPort"]
    assert front["command"] == ["python", "-m", "infra.container.front"]
