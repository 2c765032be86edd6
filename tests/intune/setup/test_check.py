"""`intune check`, one mishap at a time: which line says so, and what it advises."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes.microsoft import Code, FakeIntune, Status
from fakes.microsoft.entra import SCEP_ROLE
from functions import tenants
from shared import wiring
from shared.asn1.pem import pem
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, request
from tests.intune.scene import PROFILES, settings_of
from tests.scep.authority import POLICY, tiers

GROUP = "97000000-0000-4000-8000-000000000001"
SCEP_TYPE = "#microsoft.graph.iosScepCertificateProfile"
ROOT_TYPE = "#microsoft.graph.iosTrustedRootCertificate"


@pytest.fixture
def app(fake: FakeIntune) -> Iterator[MemoryApplication]:
    yield from application(fake)


def application(
    fake: FakeIntune, others: Mapping[str, str] | None = None, **changes: str
) -> Iterator[MemoryApplication]:
    values = settings_of(fake, DIRECTORY="true", WATCHED_GROUPS=GROUP, **changes)
    app = MemoryApplication(values | dict(others or {}))
    app.policy, app.now = POLICY + PROFILES, datetime.now(UTC)
    wiring.use(app)
    yield app
    wiring.use(None)
    app.close()


def lines() -> list[dict[str, Any]]:
    headers, route = {"x-scepter-key": MANAGEMENT_KEY}, {"integration": "default"}
    answer = call(
        tenants.check_integration,
        request("POST", "/manage/intune/default/check", headers=headers, route=route),
    )
    report = body(answer)
    assert report["ok"] is all(line["ok"] for line in report["lines"])
    assert all(line["remedy"] for line in report["lines"] if not line["ok"]), "whoever is told what is wrong"
    found: list[dict[str, Any]] = report["lines"]
    return found


def wrong(what: str) -> dict[str, Any]:
    """The one line about it, which is wrong."""
    (line,) = [line for line in lines() if line["what"].startswith(what)]
    assert not line["ok"], line
    return line


@pytest.mark.parametrize(
    "role",
    [
        *("Device.Read.All", "User.Read.All", "Group.Read.All"),
        *("DeviceManagementManagedDevices.Read.All", "DeviceManagementConfiguration.Read.All"),
    ],
)
def test_a_permission_that_is_missing_is_named(app: MemoryApplication, fake: FakeIntune, role: str) -> None:
    fake.entra.roles.discard(role)
    line = wrong(f"permission {role}")
    assert role in line["text"]
    assert "manage.py intune grant" in line["remedy"]
    good = [each for each in lines() if each["what"].startswith("permission") and role not in each["what"]]
    assert len(good) == 4
    assert all(each["ok"] for each in good)


def test_without_the_role_of_intune_the_dry_validation_fails(
    app: MemoryApplication, fake: FakeIntune
) -> None:
    fake.entra.roles.discard(SCEP_ROLE)
    assert SCEP_ROLE in wrong("dry validation")["remedy"]


def test_an_intune_that_takes_anything_is_none(app: MemoryApplication, fake: FakeIntune) -> None:
    fake.always(Code("Success"), "validateRequest")
    assert "do not enrol" in wrong("dry validation")["remedy"]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_is_told(app: MemoryApplication, minutes: int) -> None:
    app.now += timedelta(minutes=minutes)
    line = wrong("time")
    assert 590 <= int(line["text"].split()[0]) <= 660
    assert "clock" in line["remedy"]


def test_services_that_are_not_there_are_named(app: MemoryApplication, fake: FakeIntune) -> None:
    fake.graph.missing.add("pkiconnectorfeservice")
    line = wrong("discovery")
    assert "PkiConnectorFEService" in line["text"]
    assert "licence" in line["remedy"]


def test_intune_away_is_a_line_like_others(app: MemoryApplication, fake: FakeIntune) -> None:
    fake.always(Status(500))
    assert not any(line["ok"] for line in lines() if line["what"] != "time")


def test_nothing_of_beta_is_asked_where_it_is_off(fake: FakeIntune) -> None:
    for _ in application(fake, BETA="false"):
        found = {line["what"] for line in lines()}
        assert not [what for what in found if what.startswith("assignments")]
    assert not [
        call
        for call in fake.calls
        if "/beta/deviceManagement/deviceConfigurations" in call.request.path
        and "assignments" in call.request.path
    ]


def set_up(app: MemoryApplication, fake: FakeIntune, certificate: bytes) -> tuple[str, str]:
    """A SCEP profile that leads here and names a certificate; the ids of both."""
    encoded = base64.b64encode(certificate).decode()
    root = fake.configurations.create(
        {
            "@odata.type": ROOT_TYPE,
            "displayName": "root",
            "trustedRootCertificate": encoded,
            "certFileName": "r.cer",
        }
    )["id"]
    link = f"{fake.url}/beta/deviceManagement/deviceConfigurations('{root}')"
    scep = fake.configurations.create(
        {
            "@odata.type": SCEP_TYPE,
            "displayName": "SCEP",
            "keySize": "size2048",
            "renewalThresholdPercentage": 20,
            "scepServerUrls": [f"{app.settings.public_url}/scep/intune/"],
            "rootCertificate@odata.bind": link,
        }
    )["id"]
    return root, scep


def test_a_profile_that_names_another_ca_is_told(app: MemoryApplication, fake: FakeIntune) -> None:
    _, scep = set_up(app, fake, b"another certificate")
    fake.configurations.assigned[scep] = [GROUP]
    texts = [line["text"] for line in lines() if line["what"] == "assignments of SCEP" and not line["ok"]]
    assert texts[0] == "names a certificate that is none of this CA's"
    assert all(text.startswith("no trusted certificate profile has ") for text in texts[1:])
    assert len(texts) == 1 + 1 + len(app.issuer.chain)


def test_a_profile_that_nobody_gets_is_told(app: MemoryApplication, fake: FakeIntune) -> None:
    set_up(app, fake, app.issuer.certificate.der)
    assert wrong("assignments of SCEP")["text"] == "assigned to nobody"


def test_each_group_counts(app: MemoryApplication, fake: FakeIntune) -> None:
    root, scep = set_up(app, fake, (app.issuer.chain or (app.issuer.certificate,))[-1].der)
    fake.configurations.assigned |= {scep: [GROUP, "group-2", "group-3"], root: [GROUP, "group-3"]}
    texts = [line["text"] for line in lines() if line["what"] == "assignments of SCEP" and not line["ok"]]
    assert any(text.endswith("does not reach group-2") for text in texts)
    fake.configurations.assigned[root].append("group-2")
    texts = [line["text"] for line in lines() if line["what"] == "assignments of SCEP"]
    assert any(text.endswith("reaches all of 3 groups") for text in texts)


def test_a_profile_with_a_ca_of_others_wants_that_ones_certificates(fake: FakeIntune, tmp_path: Path) -> None:
    root, issuing = tiers("rsa-2048")[:2]
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem("CERTIFICATE", issuing.der) + pem("CERTIFICATE", root.der))
    others = {
        "SCEPTER_OUTSIDE_CA__EXAMPLE__URL": "https://ca.example.org/est",
        "SCEPTER_OUTSIDE_CA__EXAMPLE__CHAIN": str(chain),
    }
    for app in application(fake, others):
        app.policy = POLICY + PROFILES.replace("[profiles.intune]", '[profiles.intune]\nca = "example"')
        drafts = {draft.key: draft for draft in app.intune_drafts("intune", ["ios"])}
        told = drafts["ios.root"].properties["trustedRootCertificate"]
        assert base64.b64decode(told) == root.der
        _, scep = set_up(app, fake, root.der)
        fake.configurations.assigned[scep] = [GROUP]
        texts = [line["text"] for line in lines() if line["what"] == "assignments of SCEP"]
        assert texts[0] == f"names {root.subject.text()}"
