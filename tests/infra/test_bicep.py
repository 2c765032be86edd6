"""infra/ holds together and keeps its promises; each rule is proven by a mistake planted into the real files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from shared.config import Settings
from shared.store.connection import PRIVATE, PUBLICATIONS, TABLES
from shared.wiring.stores import CRL_QUEUE
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
    used = {
        str((file.path.parent / name).resolve().relative_to(INFRA))
        for file in FILES.values()
        for name in file.strings()
        if name.endswith(".bicep")
    }
    assert used == set(FILES) - {"main.bicep"}


@pytest.mark.parametrize("promise", rules.REQUIRED)
def test_the_promise_is_made(promise: str) -> None:
    assert promise in {found.key for file in FILES.values() for found in file.properties()}


@cache
def bindings_of_the_code() -> list[tuple[str, str]]:
    """Functions and the queues that they are bound to, in a process of its own: an app can be indexed only once."""
    program = (
        "import json, function_app as f\n"
        "for function in f.app.get_functions():\n"
        "    for binding in map(json.loads, function.get_raw_bindings()):\n"
        "        print(function.get_function_name(), binding.get('queueName', '-'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pairs = [line.split() for line in done.stdout.splitlines()]
    return [(name, queue) for name, queue in pairs if queue != "-"]


def queues_of_the_code() -> list[str]:
    bound = sorted({queue for _, queue in bindings_of_the_code()})
    return [name for queue in bound for name in (queue, f"{queue}-poison")]


def functions_of_the_code() -> list[str]:
    """Those that serve a queue."""
    return [name for name, _ in bindings_of_the_code()]


@pytest.fixture(scope="module")
def special() -> Mapping[str, Rule]:
    """Rules that hold for one file each."""
    stores = {"tables": TABLES, "containers": [PUBLICATIONS, *PRIVATE], "queues": queues_of_the_code()}
    elsewhere = REFUSED_IN_AZURE | GIVEN_BY_HAND
    required = [f"SCEPTER_{name.upper()}" for name in Settings.model_fields if name not in elsewhere]
    required += [f"AzureWebJobsStorage__{kind}ServiceUri" for kind in ("blob", "queue", "table")]
    return {
        "parameters": partial(rules.parameters, document=PARAMETERS),
        "names": partial(rules.names, expected=stores),
        "missing": partial(rules.missing_settings, required=required),
        "runtime": rules.runtime,
        "authentication": rules.authentication,
        "granted": rules.granted,
        "vault keys": partial(rules.keys_of_the_vault, chosen=FILES[MAIN]),
        "always ready": partial(rules.always_ready, functions=functions_of_the_code()),
    }


MAIN, APP, STORAGE, VAULT = "main.bicep", "app/function_app.bicep", "app/storage.bicep", "app/vault.bicep"
CHOSEN, GRANTS, KEYS = "app/settings.bicep", "app/roles.bicep", "app/keys.bicep"
WHERE = {
    "parameters": MAIN,
    "names": STORAGE,
    "missing": CHOSEN,
    "runtime": APP,
    "authentication": APP,
    "granted": GRANTS,
    "vault keys": KEYS,
    "always ready": APP,
}
REFUSED_IN_AZURE = {"ca_folder", "ca_key_password", "management_key"}
GIVEN_BY_HAND = {"authorities", "intune", "outside_ca"}
"""Groups of values for each name: moreSettings in the parameters file."""


@pytest.mark.parametrize("rule", WHERE)
def test_the_file_keeps_its_own_rule(rule: str, special: Mapping[str, Rule]) -> None:
    assert special[rule](FILES[WHERE[rule]]) == []


def test_the_queue_of_the_code_is_one() -> None:
    assert f"{CRL_QUEUE}-poison" in queues_of_the_code()


# rule, file, what is there, what the mistake makes of it, and how the rule puts it
# fmt: off
MISTAKES: list[tuple[str, str, str, str, str]] = [
    ("syntax", MAIN, "location: location", "location location", "not Bicep"),
    ("syntax", VAULT, "Protection: true\n  }", "Protection: true\n", "not Bicep"),
    ("undeclared", MAIN, "publicUrl: publicUrl", "publicUrl: publicURL", "publicURL is not declared"),
    ("undeclared", STORAGE, "name: tableName", "name: table_name", "table_name is not declared"),
    ("undeclared", MAIN, "toLower(", "tolower(", "tolower is not declared"),
    ("undeclared", CHOSEN, "caller-${name}", "caller-${name_of}", "name_of is not declared"),
    ("undeclared", MAIN, "functionApp[at]", "functionApp[index]", "index is not declared"),
    ("modules", MAIN, "./app/roles.bicep", "./app/role.bicep", "no such module file"),
    ("modules", MAIN, "    publicUrl: publicUrl\n", "", "settings: parameter publicUrl is not given"),
    ("modules", MAIN, "sku: storageSku", "tier: storageSku", "storage: has no parameter tier"),
    ("modules", MAIN, "outputs.principalId", "outputs.tenantId", "identity: has no output tenantId"),
    ("modules", MAIN, "functionApp[0].outputs.planId", "functionApp[0].outputs.plan", "has no output plan"),
    ("modules", "app/domain.bicep", "./domain_tls", "./app/domain_tls", "no such module file"),
    ("keys", STORAGE, "account.name", "account.listKeys().keys[0].value", "listKeys"),
    ("keys", STORAGE, "account.name", "listKeys(account.id, '2023-05-01')", "listKeys"),
    ("keys", STORAGE, "SharedKeyAccess: false", "SharedKeyAccess: true", "allowSharedKeyAccess is not false"),
    ("keys", STORAGE, "BlobPublicAccess: false", "BlobPublicAccess: tags.x", "allowBlobPublicAccess is not false"),
    ("keys", VAULT, "PurgeProtection: true", "PurgeProtection: false", "enablePurgeProtection is not true"),
    ("keys", VAULT, "RbacAuthorization: true", "RbacAuthorization: false", "enableRbacAuthorization is not true"),
    ("keys", "app/monitoring.bicep", "DisableLocalAuth: true", "DisableLocalAuth: false", "DisableLocalAuth is not"),
    ("keys", "app/monitoring.bicep", "disableLocalAuth: true", "disableLocalAuth: false", "disableLocalAuth is not"),
    ("keys", KEYS, "exportable: false", "exportable: true", "exportable is not false"),
    ("keys", APP, "properties: { allow: false }", "properties: { allow: true }", "allow is not false"),
    ("keys", MAIN, "./app/vault.bicep", "br/public:avm/res/key-vault/vault:0.9.0", "registry module"),
    ("roles", "app/roles.bicep", "974c5e8b-45b9", "974c5e8b-45b8", "unknown role 974c5e8b-45b8"),
    ("settings", CHOSEN, "SCEPTER_PUBLIC_URL:", "SCEPTER_PUBLIC_URI:", "unknown setting SCEPTER_PUBLIC_URI"),
    ("settings", CHOSEN, "CALLER_SECRETS__$", "CALLER_SECRET__$", "unknown setting SCEPTER_CALLER_SECRET__"),
    ("settings", CHOSEN, "PYTHON_THREADPOOL_THREAD_COUNT", "WEBSITE_RUN_FROM_PACKAGE", "unknown setting WEBSITE_RUN"),
    ("settings", CHOSEN, "Storage__clientId", "Storage_clientId", "unknown setting AzureWebJobsStorage_clientId"),
    ("parameters", MAIN, "param callers string", "param caller string", "parameter caller is in one file only"),
    ("parameters", MAIN, "param callers string", "", "parameter callers is in one file only"),
    ("names", STORAGE, "'uses'", "'use'", "tables: "),
    ("names", STORAGE, "'crl-requests', ", "", "queues: "),
    ("names", STORAGE, "['pki', ", "['pki', 'crl', ", "containers: "),
    ("missing", CHOSEN, "SCEPTER_CHALLENGE_KEYS:", "SCEPTER_CRL_HOURS:", "SCEPTER_CHALLENGE_KEYS is not set"),
    ("missing", CHOSEN, "  SCEPTER_MAX_OCSP: '32'\n", "", "SCEPTER_MAX_OCSP is not set"),
    ("missing", CHOSEN, "'SCEPTER_EVENT_SECRETS__${", "'SCEPTER_CALLER_SECRETS__${", "SCEPTER_EVENT_SECRETS is not"),
    ("missing", CHOSEN, "tableServiceUri", "blobServiceUri", "AzureWebJobsStorage__tableServiceUri is not set"),
    ("runtime", APP, "'3.13'", "'3.14'", "runtime [['python', '3.14']]"),
    ("runtime", APP, "FlexConsumption", "Dynamic", "not Flex Consumption"),
    ("authentication", APP, "platform: { enabled: true }", "platform: { enabled: false }", "enabled: false"),
    ("granted", GRANTS, "scope: caKey", "scope: vault", "Key Vault Crypto User on caKey is missing"),
    ("granted", GRANTS, "scope: caKey", "scope: vault", "Key Vault Crypto User on vault is too much"),
    ("granted", GRANTS, "  roles.storageTableDataContributor\n", "", "Table Data Contributor on storage is missing"),
    ("granted", GRANTS, "scope: secret[at]", "scope: vault", "Key Vault Secrets Officer on vault is too much"),
    ("vault keys", KEYS, "keyOps: ['sign']", "keyOps: ['sign', 'wrapKey']", "key operations ['sign', 'wrapKey']"),
    ("vault keys", KEYS, "kty: 'RSA-HSM'", "kty: 'RSA'", "RSA is not in hardware"),
    ("always ready", APP, "function:handle_device_event", "function:events", "no such function: events"),
    ("authentication", APP, "'authsettingsV2'", "'authsettings'", "App Service authentication: []"),
]
# fmt: on


@pytest.mark.parametrize(("rule", "name", "right", "wrong", "fault"), MISTAKES, ids=[m[4] for m in MISTAKES])
def test_a_planted_mistake_is_found(
    rule: str, name: str, right: str, wrong: str, fault: str, special: Mapping[str, Rule]
) -> None:
    file = FILES[name]
    assert right in file.source
    planted = BicepFile(file.path, file.source.replace(right, wrong, 1))
    assert fault in "\n".join({**EVERYWHERE, **special}[rule](planted))


def test_every_rule_is_proven() -> None:
    assert {mistake[0] for mistake in MISTAKES} == {*EVERYWHERE, *WHERE}


@pytest.mark.skipif(shutil.which("bicep") is None, reason="no Bicep compiler is on this machine")
def test_the_compiler_takes_it() -> None:
    command = ["bicep", "build", "--stdout", str(INFRA / "main.bicep")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
