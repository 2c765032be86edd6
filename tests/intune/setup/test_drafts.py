"""Drafts of Intune's profiles: every one of them is what Graph takes, with the values of the Scepter profile."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes.microsoft.configurations import TYPES, Configurations
from fakes.microsoft.entra import Entra
from shared.errors import PolicyViolation
from shared.intune.setup.draft import PLATFORMS, Draft, as_json, from_json
from shared.intune.setup.drafts import drafts
from shared.intune.setup.names import alternative_names, subject
from shared.intune.setup.wishes import Wishes
from shared.policy.profile import Profile
from tests.scep.authority import tiers

POLICY = tomllib.loads(Path(__file__).with_name("profiles.toml").read_text("utf-8"))["profiles"]
BASE = "https://graph.example.org/beta"
CERTIFICATES = tiers("p-256")[1::-1]
FILLED = {
    "ssid": "Corp",
    "servers": ("radius.example.org",),
    "vpn": "vpn.example.org",
    "mail": "mail.example.org",
    "pkcs_authority": r"ca.example.org\CA",
    "pkcs_template": "Laptop",
}


def profile(name: str = "laptop", **changes: Any) -> Profile:
    return Profile.model_validate_json(json.dumps({**POLICY[name], "name": name, **changes}))


def wishes(of: Profile, **said: Any) -> Wishes:
    return Wishes(of, f"https://pki.example.org/scep/{of.name}", CERTIFICATES, **said)


def made(found: Sequence[Draft]) -> dict[str, dict[str, Any]]:
    """What a tenant makes of all drafts, by key; it refuses what Graph would."""
    tenant, ids = Configurations(Entra(BASE)), dict[str, str]()
    for draft in found:
        ids[draft.key] = tenant.create(draft.document(ids, BASE))["id"]
    return {key: tenant.made[identifier] for key, identifier in ids.items()}


@pytest.mark.parametrize("name", ["laptop", "person"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_graph_takes_every_draft(name: str, platform: Any) -> None:
    found = drafts(wishes(profile(name), **FILLED), [platform])
    assert not [draft.key for draft in found if draft.missing]
    kinds = {draft.kind for draft in found}
    assert {"Trusted certificate", "SCEP certificate", "PKCS certificate", "Wi-Fi", "VPN"} <= kinds
    assert ("PKCS imported certificate" in kinds) is (name == "person")
    assert ("Email" in kinds) is (name == "person" and platform == "ios")
    assert len(made(found)) == len(found)
    assert [draft.step for draft in found] == sorted(draft.step for draft in found)


def test_every_type_of_the_fake_is_drafted_once() -> None:
    """So that a type is not only known to the fake."""
    every = {
        draft.type
        for name in ("laptop", "person")
        for draft in drafts(wishes(profile(name), **FILLED), PLATFORMS)
    }
    assert every == set(TYPES)


def test_each_ca_below_the_root_has_a_profile_and_its_store() -> None:
    root, issuing = tiers("p-256")[:2]
    three = Wishes(profile(), "https://pki.example.org/scep/laptop", (issuing, issuing, root))
    found = made(drafts(three, ["windows"]))
    stores = {key: each["destinationStore"] for key, each in found.items() if "destinationStore" in each}
    assert stores == {
        "windows.root": "computerCertStoreRoot",
        "windows.intermediate 1": "computerCertStoreIntermediate",
        "windows.intermediate 2": "computerCertStoreIntermediate",
    }


def test_a_root_that_issues_is_what_windows_is_told() -> None:
    root = tiers("p-256")[0]
    alone = Wishes(profile(), "https://pki.example.org/scep/laptop", (root,))
    scep = next(draft for draft in drafts(alone, ["windows"]) if draft.key == "windows.SCEP")
    assert scep.links == {"rootCertificate": "windows.root"}


@pytest.mark.parametrize(
    ("keys", "size", "provider"),
    [
        (("RSA-2048",), "size2048", "useTpmKspOtherwiseUseSoftwareKsp"),
        (("P-256", "RSA-2048"), "size2048", "useTpmKspOtherwiseUseSoftwareKsp"),
        (("RSA-3072",), "size4096", "useSoftwareKsp"),  # Intune has nothing between
        (("RSA-4096",), "size4096", "useSoftwareKsp"),
    ],
)
def test_keys_are_of_a_size_that_intune_offers_and_the_profile_takes(
    keys: tuple[str, ...], size: str, provider: str
) -> None:
    scep = made(drafts(wishes(profile(key=keys)), ["windows"])[:3])["windows.SCEP"]
    assert (scep["keySize"], scep["keyStorageProvider"]) == (size, provider)


def test_a_profile_without_rsa_is_refused_with_the_reason() -> None:
    with pytest.raises(PolicyViolation, match="takes no RSA keys"):
        drafts(wishes(profile(key=("P-256",))), ["ios"])


def test_a_user_tunnel_belongs_to_a_users_certificate() -> None:
    for name, target in (("laptop", "device"), ("person", "user")):
        vpn = made(drafts(wishes(profile(name), **FILLED), ["windows"]))["windows.VPN"]
        assert (vpn["profileTarget"], vpn["enableDeviceTunnel"]) == (target, target == "device")


@pytest.mark.parametrize(
    ("rules", "expected", "doubts"),
    [
        ({"CN": {"pattern": "[0-9a-f-]{36}"}}, "CN={{AAD_Device_ID}}", 0),
        ({"CN": {"pattern": "laptop-[0-9]{4}"}}, "CN={{DeviceName}}", 0),
        ({"CN": {"pattern": "[0-9A-Z]{10}"}}, "CN={{SerialNumber}}", 0),
        ({"CN": {"pattern": "printer"}}, "CN=printer", 0),
        ({"CN": {"pattern": "printer-[0-9]{9}"}}, "CN={{AAD_Device_ID}}", 1),
        ({"CN": {}, "O": {"pattern": "Example, Inc"}}, 'CN={{AAD_Device_ID}},O="Example, Inc"', 0),
        ({"CN": {}, "O": {"pattern": "[A-Z].*", "required": True}}, "CN={{AAD_Device_ID}},O=<O>", 1),
        ({"CN": {}, "OU": {"pattern": "[A-Z].*"}}, "CN={{AAD_Device_ID}}", 0),
    ],
)
def test_the_subject_is_one_that_the_profile_takes(rules: Any, expected: str, doubts: int) -> None:
    text, found = subject(wishes(profile(subject=rules)))
    assert (text, len(found)) == (expected, doubts)


def test_names_that_intune_cannot_fill_in_are_left_out() -> None:
    of = profile(san={"ip": {}, "dns": {}, "upn": {}})
    assert list(alternative_names(of, of_device=True)) == []
    needed = profile(san={"dns": {"required": True}})
    assert list(alternative_names(needed, of_device=True)) == [("domainNameService", "{{DeviceName}}")]


@pytest.mark.parametrize("days", [1, 365, 730, 3660])
def test_validity_is_within_what_intune_takes(days: int) -> None:
    scep = made(drafts(wishes(profile(validity=days)), ["ios"])[:3])["ios.SCEP"]
    assert scep["certificateValidityPeriodValue"] == min(days, 730)


def test_a_draft_survives_its_way() -> None:
    for draft in drafts(wishes(profile("person"), **FILLED), PLATFORMS):
        again = from_json(json.loads(json.dumps(as_json(draft))))
        ids = dict.fromkeys(("windows.root", "ios.root", "macos.root", "android.root"), "1")
        assert again.properties == draft.properties
        assert (again.links, again.missing, again.step) == (draft.links, draft.missing, draft.step)
        if draft.kind == "Trusted certificate":
            assert again.document(ids, BASE) == draft.document(ids, BASE)
