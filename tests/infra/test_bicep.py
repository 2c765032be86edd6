"""infra/ holds together and keeps its promises; each rule is proven by a mistake planted into the real files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from functions import timers
from shared import wiring
from shared.config import Settings
from shared.store.connection import PUBLICATIONS, TABLES
from tests.infra import rules
from tests.infra.bicep import BicepFile

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = {str(path.relative_to(INFRA)): BicepFile.read(path) for path in sorted(INFRA.rglob("*.bicep"))}
PARAMETERS: dict[str, Any] = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))
Rule = Callable[[BicepFile], list[str]]

SETTINGS = partial(rules.app_settings, fields=Settings.model_fields)
MODULES = partial(rules.modules, at_hand=FILES)
EVERYWHERE: dict[str, Rule] = {
    "syntax": rules.syntax,
    "undeclared": rules.undeclared,
    "modules": MODULES,
    "keys": rules.keys_in_reach,
    "roles": rules.roles,
    "settings": SETTINGS,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("rule", EVERYWHERE)
def test_infra_keeps_the_rule(rule: str, name: str) -> None:
    assert EVERYWHERE[rule](FILES[name]) == []


def test_every_parameter_is_in_the_parameters_file() -> None:
    assert rules.parameters(FILES["main.bicep"], PARAMETERS) == []


def test_every_file_is_used() -> None:
    used = {name.removeprefix("./") for name in FILES["main.bicep"].strings() if name.endswith(".bicep")}
    assert used == set(FILES) - {"main.bicep"}


@pytest.mark.parametrize("promise", rules.REQUIRED)
def test_the_promise_is_made(promise: str) -> None:
    assert promise in {found.key for file in FILES.values() for found in file.properties()}


def test_tables_queues_and_containers_are_those_of_the_code() -> None:
    storage = FILES["app/storage.bicep"]
    assert storage.list_of("tables") == list(TABLES)
    assert storage.list_of("containers") == [PUBLICATIONS]
    assert storage.list_of("queues") == [timers.QUEUE, f"{timers.QUEUE}-poison"]
    assert timers.QUEUE == wiring.CRL_QUEUE


def test_the_app_gets_what_it_cannot_do_without() -> None:
    keys = {found.key for found in FILES["app/function_app.bicep"].properties()}
    required = {
        f"SCEPTER_{name.upper()}" for name, field in Settings.model_fields.items() if field.is_required()
    }
    assert required <= keys
    assert keys >= {f"AzureWebJobsStorage__{kind}ServiceUri" for kind in ("blob", "queue", "table")}


def test_the_app_runs_where_it_is_tested() -> None:
    app = FILES["app/function_app.bicep"]
    runtime = next(found.value for found in app.properties() if found.key == "runtime")
    assert list(app.strings(runtime)) == ["python", "3.13"]
    assert "FlexConsumption" in app.strings()


def test_strangers_cannot_say_who_they_are() -> None:
    """Without App Service authentication everybody could send the header that the management API believes."""
    app = FILES["app/function_app.bicep"]
    authentication = app.declared("resource_declaration")["authentication"]
    enabled = [
        app.own_properties(found.value) for found in app.properties(authentication) if found.key == "platform"
    ]
    assert [{key: value.text for key, value in found.items()} for found in enabled] == [{"enabled": b"true"}]


# rule, file, what is there, what the mistake makes of it, and how the rule puts it
MISTAKES: list[tuple[Rule, str, str, str, str]] = [
    (rules.syntax, "main.bicep", "location: location", "location location", "not Bicep"),
    (rules.syntax, "app/vault.bicep", "    enablePurgeProtection: true\n  }", "    enablePurgeProtection: true\n", "not Bicep"),
    (rules.undeclared, "main.bicep", "publicUrl: publicUrl", "publicUrl: publicURL", "publicURL is not declared"),
    (rules.undeclared, "app/storage.bicep", "name: tableName", "name: table_name", "table_name is not declared"),
    (rules.undeclared, "main.bicep", "toLower(", "tolower(", "tolower is not declared"),
    (rules.undeclared, "app/function_app.bicep", "caller-${caller}", "caller-${name_of}", "name_of is not declared"),
    (MODULES, "main.bicep", "./app/roles.bicep", "./app/role.bicep", "no such module file"),
    (MODULES, "main.bicep", "    storageName: storage.outputs.name\n    vaultName", "    vaultName", "is not given"),
    (MODULES, "main.bicep", "sku: vaultSku", "tier: vaultSku", "has no parameter tier"),
    (MODULES, "main.bicep", "identity.outputs.principalId", "identity.outputs.clientId", "has no output clientId"),
    (rules.keys_in_reach, "app/storage.bicep", "account.name", "account.listKeys().keys[0].value", "listKeys"),
    (rules.keys_in_reach, "app/storage.bicep", "account.name", "listKeys(account.id, '2023-05-01')", "listKeys"),
    (rules.keys_in_reach, "app/storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "is not false"),
    (rules.keys_in_reach, "app/storage.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: tags.x", "is not false"),
    (rules.keys_in_reach, "app/vault.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false", "is not true"),
    (rules.keys_in_reach, "main.bicep", "./app/vault.bicep", "br/public:avm/res/key-vault/vault:0.9.0", "registry"),
    (rules.roles, "app/roles.bicep", "974c5e8b-45b9", "974c5e8b-45b8", "unknown role 974c5e8b-45b8"),
    (SETTINGS, "app/function_app.bicep", "SCEPTER_PUBLIC_URL:", "SCEPTER_PUBLIC_URI:", "SCEPTER_PUBLIC_URI"),
    (SETTINGS, "app/function_app.bicep", "SCEPTER_CALLER_SECRETS__$", "SCEPTER_CALLER_SECRET__$", "SCEPTER_CALLER_SECRET__"),
    (SETTINGS, "app/function_app.bicep", "PYTHON_THREADPOOL_THREAD_COUNT", "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_WORKER"),
    (SETTINGS, "app/function_app.bicep", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage_clientId", "_clientId"),
    (partial(rules.parameters, document=PARAMETERS), "main.bicep", "param callers string", "param caller string", "caller"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "name", "right", "wrong", "fault"), MISTAKES, ids=[m[3][:40] for m in MISTAKES]
)
def test_a_planted_mistake_is_found(rule: Rule, name: str, right: str, wrong: str, fault: str) -> None:
    file = FILES[name]
    assert right in file.source
    planted = BicepFile(file.path, file.source.replace(right, wrong, 1))
    assert re.search(re.escape(fault), "\n".join(rule(planted)))
