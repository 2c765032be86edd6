"""What must hold of infra/. Each rule returns what is wrong, a line for each fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tree_sitter import Node

from tests.infra.bicep import BicepFile, line, text

FUNCTIONS = {
    *(
        "concat",
        "empty",
        "environment",
        "guid",
        "replace",
        "resourceGroup",
        "split",
        "string",
        "subscription",
    ),
    *("subscriptionResourceId", "tenant", "toLower", "toObject", "toUpper", "union", "uniqueString"),
    *("description", "minLength", "maxLength", "minValue", "maxValue", "allowed", "metadata", "secure"),
}
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "12338af0-0e69-4776-bea7-57ae8d297424": "Key Vault Crypto User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
AZURE_SETTINGS = {
    *(f"AzureWebJobsStorage__{part}ServiceUri" for part in ("blob", "queue", "table")),
    *("AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId", "AzureWebJobsDisableHomepage"),
    *("APPLICATIONINSIGHTS_CONNECTION_STRING", "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"),
    "PYTHON_THREADPOOL_THREAD_COUNT",
}
REQUIRED = {
    "allowSharedKeyAccess": "false",
    "allowBlobPublicAccess": "false",
    "enableRbacAuthorization": "true",
    "enablePurgeProtection": "true",
    "DisableLocalAuth": "true",
}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SETTING = re.compile(
    r"(SCEPTER|AzureWebJobs|APPLICATIONINSIGHTS|PYTHON|FUNCTIONS|WEBSITE)_*[A-Za-z]\w*(\$\{\.\.\.\})?"
)


def syntax(file: BicepFile) -> list[str]:
    return [f"line {number}: not Bicep" for number in file.errors()]


def undeclared(file: BicepFile) -> list[str]:
    """Names that nothing declares, and functions that are not Bicep's."""
    declared = file.declared()
    faults = []
    for node in file.of_kind("identifier"):
        known: Iterable[str] = FUNCTIONS if _is_called(node) else declared
        if not _is_key(node) and text(node) not in known:
            faults.append(f"line {line(node)}: {text(node)} is not declared")
    return faults


def modules(file: BicepFile, at_hand: Mapping[str, BicepFile]) -> list[str]:
    """Modules that are not there, parameters they lack or do not have, outputs they do not give."""
    faults = []
    for name, module in file.declared("module_declaration").items():
        target = at_hand.get(next(file.strings(module)).removeprefix("./"))
        if target is None:
            faults.append(f"line {line(module)}: no such module file")
            continue
        params = file.own_properties(module).get("params")
        given = set(file.own_properties(params)) if params else set()
        declared = target.declared("parameter_declaration")
        required = {
            key for key, node in declared.items() if "=" not in {child.type for child in node.children}
        }
        faults += [f"{name}: parameter {key} is not given" for key in sorted(required - given)]
        faults += [f"{name}: has no parameter {key}" for key in sorted(given - set(declared))]
        outputs = target.declared("output_declaration")
        faults += [f"{name}: has no output {key}" for key in _outputs_read(file, name) if key not in outputs]
    return faults


def keys_in_reach(file: BicepFile) -> list[str]:
    """Account keys read, registries needed, protections left out or turned off."""
    faults = [
        f"line {line(n)}: {text(n)}" for n in file.nodes if not n.children and text(n).startswith("list")
    ]
    faults += [f"registry module {name}" for name in file.strings() if name.startswith(("br:", "br/", "ts:"))]
    for found in file.properties():
        if found.key in REQUIRED and text(found.value) != REQUIRED[found.key]:
            faults.append(f"line {line(found.value)}: {found.key} is not {REQUIRED[found.key]}")
    return faults


def roles(file: BicepFile) -> list[str]:
    return [f"unknown role {name}" for name in file.strings() if _GUID.fullmatch(name) and name not in ROLES]


def app_settings(file: BicepFile, fields: Iterable[str]) -> list[str]:
    """Settings that neither Scepter nor Azure knows; `fields` are those of shared.config.Settings."""
    keys = [found.key for found in file.properties()] + list(file.strings())
    own = {f"SCEPTER_{name.upper()}" for name in fields}
    named = [key for key in keys if _SETTING.fullmatch(key)]
    return [
        f"unknown setting {key}"
        for key in named
        if key not in AZURE_SETTINGS and key.split("__")[0] not in own
    ]


def parameters(file: BicepFile, document: Mapping[str, Any]) -> list[str]:
    """Parameters of the file and of its parameters file that the other does not have."""
    declared, given = set(file.declared("parameter_declaration")), set(document["parameters"])
    return [f"parameter {name} is in one file only" for name in sorted(declared ^ given)]


def names(file: BicepFile, expected: Mapping[str, Iterable[str]]) -> list[str]:
    """Lists of the file that differ from the code's."""
    found = {variable: file.list_of(variable) for variable in expected}
    return [
        f"{key}: {found[key]}" for key, wanted in expected.items() if sorted(found[key]) != sorted(wanted)
    ]


def missing_settings(file: BicepFile, required: Iterable[str]) -> list[str]:
    """Settings that the app cannot do without, and is not given."""
    keys = {found.key for found in file.properties()}
    return [f"{name} is not set" for name in required if name not in keys]


def runtime(file: BicepFile) -> list[str]:
    """What the app runs on, where that is not what the tests run on."""
    runtimes = [list(file.strings(found.value)) for found in file.properties() if found.key == "runtime"]
    faults = [] if runtimes == [["python", "3.13"]] else [f"runtime {runtimes}"]
    return faults if "FlexConsumption" in file.strings() else [*faults, "not Flex Consumption"]


def authentication(file: BicepFile) -> list[str]:
    """Without App Service authentication everybody could send the header that the management API believes."""
    declared = [
        n for n in file.declared("resource_declaration").values() if "authsettingsV2" in file.strings(n)
    ]
    states = [
        text(found.value) for node in declared for found in file.properties(node) if found.key == "platform"
    ]
    return [] if states == ["{ enabled: true }"] else [f"App Service authentication: {states}"]


def _is_called(node: Node) -> bool:
    call = node.parent
    return call is not None and call.type == "call_expression" and call.children[0] == node


def _is_key(node: Node) -> bool:
    return (
        node.parent is not None and node.parent.type == "object_property" and node.parent.children[0] == node
    )


def _outputs_read(file: BicepFile, module: str) -> Iterator[str]:
    pattern = re.compile(rf"{module}\.outputs\.(\w+)")
    for node in file.of_kind("member_expression"):
        found = pattern.fullmatch(text(node))
        if found:
            yield found[1]
