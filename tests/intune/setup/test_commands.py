"""`manage.py intune` against a host and a tenant: profiles made, roles granted, all checked, and what is installed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.microsoft.entra import GRAPH_ROLE, SCEP_ROLE
from fakes.microsoft.principals import IDENTITY, IDENTITY_CLIENT
from tests.intune.setup.conftest import Prepared

pytestmark = [pytest.mark.host, pytest.mark.azurite]

WHOLE = (
    *("profiles", "laptop", "--ssid", "Corp", "--server-name", "radius.example.org"),
    *(
        "--vpn-server",
        "vpn.example.org",
        "--pkcs-authority",
        r"ca.example.org\Example CA",
        "--pkcs-template",
        "Laptop",
    ),
)
GROUP = "97000000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def untouched(prepared: Prepared) -> Iterator[None]:
    """A tenant as if nobody had set it up."""
    yield
    fake = prepared.fake
    for each in (fake.configurations.made, fake.configurations.assigned, fake.configurations.states):
        each.clear()
    fake.principals.assignments.clear()
    fake.configurations.connectors.clear()


def by_type(prepared: Prepared) -> dict[str, dict[str, Any]]:
    return {
        each["@odata.type"].rpartition(".")[2]: each for each in prepared.fake.configurations.made.values()
    }


def test_profiles_are_shown_step_by_step_and_as_graph_takes_them(prepared: Prepared) -> None:
    shown = prepared.manage("profiles", "laptop", "--platform", "windows").said
    for words in (
        "1. Windows 10 and later: Trusted certificate",
        "2. Windows",
        "3. Windows",
        "cannot be made without",
    ):
        assert words in shown
    documents = prepared.manage("profiles", "laptop", "--platform", "macos", "--json").json
    scep = next(each for each in documents if each["@odata.type"].endswith("macOSScepCertificateProfile"))
    assert scep["allowAllAppsAccess"] is True
    assert scep["scepServerUrls"] == [f"{prepared.host.url}/scep/laptop"]
    assert "<id of Scepter laptop - macOS - root>" in scep["rootCertificate@odata.bind"]


def test_profiles_are_made_once(prepared: Prepared) -> None:
    planned = prepared.manage(*WHOLE, "--apply", "--dry-run", "--json").json
    assert {each["outcome"] for each in planned} == {"would be made"}
    assert not prepared.fake.configurations.made
    made = prepared.manage(*WHOLE, "--apply", "--json").json
    assert {each["outcome"] for each in made} == {"made"}
    again = prepared.manage(*WHOLE, "--apply", "--json").json
    assert [(each["name"], each["outcome"], each["id"]) for each in again] == [
        (each["name"], "is there", each["id"]) for each in made
    ]
    assert len(prepared.fake.configurations.made) == len(made) == 4 * 6


def test_what_is_made_has_the_values_of_the_profile(prepared: Prepared) -> None:
    prepared.manage(*WHOLE, "--apply", "--json")
    made, root = by_type(prepared), prepared.host.site.ca.certificate("root").der
    windows, ios = made["windows81SCEPCertificateProfile"], made["iosScepCertificateProfile"]
    assert windows["subjectNameFormatString"] == "CN={{AAD_Device_ID}},O=Example Ltd"
    assert windows["keyStorageProvider"] == "useTpmKspOtherwiseUseSoftwareKsp"
    assert windows["extendedKeyUsages"] == [{"name": "clientAuth", "objectIdentifier": "1.3.6.1.5.5.7.3.2"}]
    assert (windows["renewalThresholdPercentage"], ios["renewalThresholdPercentage"]) == (20, 50)
    assert windows["hashAlgorithm"] == "sha2"
    names = [{"sanType": "universalResourceIdentifier", "name": "IntuneDeviceId://{{DeviceId}}"}]
    assert windows["customSubjectAlternativeNames"] == names
    trusted = {
        each["displayName"]: base64.b64decode(each["trustedRootCertificate"])
        for each in prepared.fake.configurations.made.values()
        if "trustedRootCertificate" in each
    }
    assert trusted["Scepter laptop - iOS/iPadOS - root"] == root
    assert made["windows10VpnConfiguration"]["enableDeviceTunnel"] is True
    assert made["iosEnterpriseWiFiConfiguration"]["outerIdentityPrivacyTemporaryValue"] == "anonymous"
    bound = {
        kind: names_of(prepared, made[kind]["rootCertificate@odata.bind"])
        for kind in made
        if "scep" in kind.lower()
    }
    assert bound["iosScepCertificateProfile"] == "Scepter laptop - iOS/iPadOS - root"
    # Windows compares the thumbprint with the CAs of GetCACert: the one that issues.
    assert (
        bound["windows81SCEPCertificateProfile"] == "Scepter laptop - Windows 10 and later - intermediate 1"
    )


def names_of(prepared: Prepared, link: str) -> str:
    return str(prepared.fake.configurations.made[link.split("'")[1]]["displayName"])


def test_what_was_changed_in_the_console_is_told_and_left(prepared: Prepared) -> None:
    prepared.manage(*WHOLE, "--apply", "--json")
    by_type(prepared)["iosScepCertificateProfile"]["keySize"] = "size4096"
    again = prepared.manage(*WHOLE, "--apply", "--json")
    assert again.code == 1
    (differs,) = [each for each in json.loads(again.output) if each["outcome"] == "differs"]
    assert differs["text"] == "not as here: keySize"
    assert by_type(prepared)["iosScepCertificateProfile"]["keySize"] == "size4096"


def test_mail_comes_with_an_imported_certificate(prepared: Prepared) -> None:
    order = (
        "profiles",
        "person",
        "--platform",
        "ios",
        "--mail-server",
        "mail.example.org",
        "--apply",
        "--json",
    )
    done = {each["name"].rpartition(" - ")[2]: each for each in prepared.manage(*order).json}
    assert done["Email"]["outcome"] == "made"
    assert done["Wi-Fi"] == {
        "name": "Scepter person - iOS/iPadOS - Wi-Fi",
        "outcome": "skipped",
        "id": "",
        "text": "give --ssid and --server-name",
    }
    scep = by_type(prepared)["iosScepCertificateProfile"]
    assert scep["subjectNameFormatString"] == "CN={{UserName}},E={{EmailAddress}}"
    assert (scep["keySize"], scep["certificateValidityPeriodValue"]) == ("size4096", 730)
    assert {each["name"] for each in scep["customSubjectAlternativeNames"]} == {
        *("{{UserPrincipalName}}", "{{EmailAddress}}", "{{OnPremisesSecurityIdentifier}}")
    }


def test_who_may_not_make_profiles_is_told_which_permission_it_takes(prepared: Prepared) -> None:
    reader = frozenset({"DeviceManagementConfiguration.Read.All"})
    prepared.manage(*WHOLE, "--apply", roles=reader).assert_refused(
        "DeviceManagementConfiguration.ReadWrite.All"
    )


@pytest.mark.parametrize("identity", [IDENTITY, IDENTITY_CLIENT])
def test_roles_are_granted_once(prepared: Prepared, identity: str) -> None:
    order = ("grant", "--identity", identity, "--json")
    planned = prepared.manage(*order, "--dry-run").json
    assert {each["state"] for each in planned} == {"would be assigned"}
    assert not prepared.fake.principals.assignments
    granted = prepared.manage(*order).json
    assert {each["state"] for each in granted} == {"assigned"}
    assert {each["role"] for each in granted} == {
        *(SCEP_ROLE, GRAPH_ROLE, "Device.Read.All", "User.Read.All"),
        *("DeviceManagementManagedDevices.Read.All", "DeviceManagementConfiguration.Read.All"),
    }
    ids = {each["id"] for each in granted}
    assert {each["appRoleId"] for each in prepared.fake.principals.assignments} == ids
    assert {each["state"] for each in prepared.manage(*order).json} == {"is there"}


def test_who_may_not_grant_gets_a_script_for_somebody_who_may(prepared: Prepared) -> None:
    refused = prepared.manage("grant", "--identity", IDENTITY, roles=frozenset({GRAPH_ROLE}))
    assert refused.code == 1
    assert "AppRoleAssignment.ReadWrite.All" in refused.said
    script = prepared.manage("grant", "--identity", IDENTITY, "--script", roles=frozenset()).output
    assert refused.output == script
    assert script.startswith("#!/bin/sh\n")
    assert f"assign 0000000a-0000-0000-c000-000000000000 {SCEP_ROLE}\n" in script


def test_an_identity_that_is_not_there_is_told(prepared: Prepared) -> None:
    nobody = "1d000000-0000-4000-8000-0000000000ff"
    prepared.manage("grant", "--identity", nobody).assert_refused("no service principal", nobody)


def lines(prepared: Prepared) -> dict[str, list[dict[str, Any]]]:
    """What `check` finds, by what."""
    report = prepared.host.manage("POST", "intune/default/check")
    found: dict[str, list[dict[str, Any]]] = {}
    for line in report["lines"]:
        found.setdefault(line["what"], []).append(line)
    return found


def assign(prepared: Prepared, group: str | None, *endings: str) -> None:
    for key, made in prepared.fake.configurations.made.items():
        if made["displayName"].endswith(endings):
            prepared.fake.configurations.assigned[key] = [group]


def test_a_tenant_that_is_set_up_passes_the_check(prepared: Prepared) -> None:
    prepared.manage("profiles", "laptop", "--apply", "--json")
    assign(prepared, GROUP, "root", "intermediate 1", "SCEP")
    ended = prepared.manage("check", roles=frozenset())
    assert ended.code == 0, ended.said
    for words in (
        "dry validation",
        "permission Device.Read.All",
        "discovery",
        "s from Graph's clock",
        "reaches all",
    ):
        assert words in ended.said
    assert not prepared.fake.scep.successes


def test_a_root_that_misses_a_group_is_told_with_the_remedy(prepared: Prepared) -> None:
    prepared.manage("profiles", "laptop", "--platform", "ios", "--apply", "--json")
    assign(prepared, GROUP, "SCEP", "intermediate 1")
    (wrong,) = [
        each
        for each in lines(prepared)["assignments of Scepter laptop - iOS/iPadOS - SCEP"]
        if not each["ok"]
    ]
    assert f"does not reach {GROUP}" in wrong["text"]
    assert "to the same groups" in wrong["remedy"]
    assign(prepared, None, "root")  # all devices
    assert all(each["ok"] for each in lines(prepared)["assignments of Scepter laptop - iOS/iPadOS - SCEP"])


def test_each_thing_that_is_wrong_has_its_line_and_its_remedy(prepared: Prepared) -> None:
    fake = prepared.fake
    fake.configurations.beta, fake.graph.forbidden = True, True
    try:
        found = lines(prepared)
    finally:
        fake.graph.forbidden = False
    (discovery,) = found["discovery (Application.Read.All)"]
    assert not discovery["ok"]
    assert "Application.Read.All" in discovery["remedy"]
    (nobody,) = found["assignments"]
    assert "no SCEP profile in Intune has the URL" in nobody["text"]
    assert "intune profiles --apply" in nobody["remedy"]


def test_what_is_not_installed_is_listed_and_told_in_health(prepared: Prepared) -> None:
    prepared.fake.configurations.connectors.append(
        {
            "id": "1",
            "displayName": "connector-1",
            "state": "inactive",
            "connectorVersion": "6.2406",
            "lastConnectionDateTime": "2026-01-02T03:04:05Z",
        }
    )
    found = prepared.manage("status", "--now", "--json", roles=frozenset()).json
    assert (found["issued"], found["absent"]) == (0, 0)
    assert found["connectors"][0]["state"] == "inactive"
    assert "connector-1" in prepared.manage("status").said
    findings = [
        each["text"]
        for each in prepared.host.manage("GET", "health")["findings"]
        if each["subject"] == "installations default"
    ]
    silent = "connector connector-1 is inactive since 2026-01-02T03:04"
    assert findings == ["all of 0 certificates are on their devices", silent]


def test_a_listing_is_accepted_only_after_it_was_doubted(prepared: Prepared) -> None:
    prepared.manage("accept", "--kind", "device").assert_refused("No listing of devices")
