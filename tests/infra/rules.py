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
        "contains",
        "empty",
        "environment",
        "filter",
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
    "disableLocalAuth": "true",
    "exportable": "false",
    "allow": "false",
}
GRANTED = {
    ("storage", "Storage Blob Data Owner"),
    ("storage", "Storage Queue Data Contributor"),
    ("storage", "Storage Table Data Contributor"),
    ("vault", "Key Vault Secrets User"),
    ("secret[at]", "Key Vault Secrets Officer"),
    ("caKey", "Key Vault Crypto User"),
    ("importKey", "Key Vault Crypto User"),
    ("applicationInsights", "Monitoring Metrics Publisher"),
}
_IN_HARDWARE = {"RSA-HSM", "EC-HSM"}
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
        place = (file.path.parent / next(file.strings(module))).resolve()
        target = next((each for each in at_hand.values() if each.path == place), None)
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
    """Settings that the file does not give; one for each name of several is given by a loop, or among `more`."""
    keys = {found.key for found in file.properties()}
    keys |= {text.partition("__")[0] for text in file.strings() if text.endswith("__${...}")}
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
    pattern = re.compile(rf"{module}(?:\[\w+\])?\.outputs\.(\w+)")
    for node in file.of_kind("member_expression"):
        found = pattern.fullmatch(text(node))
        if found:
            yield found[1]


def granted(file: BicepFile) -> list[str]:
    """What the app's identity lacks, or has beyond what it needs: each a role on one thing."""
    ids = {found.key: next(file.strings(found.value), "") for found in file.properties()}
    found = set()
    for node in file.declared("resource_declaration").values():
        values = {each.key: each.value for each in file.properties(node)}
        if "ServicePrincipal" not in file.strings(node):
            continue
        scope = text(values["scope"])
        for name in re.findall(r"\broles\.(\w+)", text(node)) or re.findall(r"roles\.(\w+)", _listed(file)):
            found.add((scope, ROLES.get(ids.get(name, ""), name)))
    faults = [f"{role} on {scope} is missing" for scope, role in sorted(GRANTED - found)]
    return faults + [f"{role} on {scope} is too much" for scope, role in sorted(found - GRANTED)]


def keys_of_the_vault(file: BicepFile, chosen: BicepFile) -> list[str]:
    """Keys that are not in hardware, or may do more than one thing; `chosen` says which kinds are to be had."""
    operations = [list(file.strings(found.value)) for found in file.properties() if found.key == "keyOps"]
    faults = [f"key operations {each}" for each in operations if each not in (["sign"], ["decrypt"])]
    kinds = re.findall(r"'((?:RSA|EC)[A-Z-]*)'", f"{chosen.source}{file.source}")
    faults += [f"{kind} is not in hardware" for kind in sorted(set(kinds)) if kind not in _IN_HARDWARE]
    return faults if operations else ["no key is made"]


def always_ready(file: BicepFile, functions: Iterable[str]) -> list[str]:
    """Groups of always-ready instances that name no function with a queue."""
    named = {name.partition(":")[2] for name in file.strings() if name.startswith("function:")}
    return [f"no such function: {name}" for name in sorted(named - set(functions))]


def _listed(file: BicepFile) -> str:
    return text(file.declared("variable_declaration")["onStorage"])
