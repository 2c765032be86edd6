"""What was issued here and is not on its device as far as Intune knows: listed, and told in the health report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from fakes.microsoft import FakeIntune, Status
from functions import tenants
from shared import wiring
from shared.record.health import Finding
from shared.x509.certificate import Certificate
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, request
from tests.intune.scene import PROFILES, Scene, device_uri, settings_of
from tests.scep.authority import POLICY, URL

SCEP = {
    "@odata.type": "#microsoft.graph.iosScepCertificateProfile",
    "displayName": "SCEP",
    "scepServerUrls": [f"{URL}/scep/intune"],
    "keySize": "size2048",
    "renewalThresholdPercentage": 20,
}
ROOT = {
    "@odata.type": "#microsoft.graph.iosTrustedRootCertificate",
    "displayName": "root",
    "certFileName": "r.cer",
}
READS = "DeviceManagementConfiguration.Read.All"


@pytest.fixture
def watched(fake: FakeIntune) -> Iterator[Scene]:
    """A tenant whose Intune is asked, with the SCEP profile of the profile `intune`."""
    app = MemoryApplication(settings_of(fake, INSTALLATIONS="true"))
    app.policy = POLICY + PROFILES
    root = fake.configurations.create({**ROOT, "trustedRootCertificate": "AAAA"})
    link = f"{fake.url}/beta/deviceManagement/deviceConfigurations('{root['id']}')"
    fake.configurations.create({**SCEP, "rootCertificate@odata.bind": link})
    wiring.use(app)
    yield Scene(app, fake)
    wiring.use(None)
    app.close()


def enrol(scene: Scene, number: int) -> Certificate:
    """A certificate of a device of its own."""
    device = device_uri(f"0d0c0b0a-1111-2222-3333-{number:012x}")
    return scene.device(f"CN=dev{number},O=Example", sans=[device], number=number % 3).enrol()


def reports(scene: Scene, serial: str, state: str) -> None:
    key = next(
        each["id"] for each in scene.fake.configurations.made.values() if each["displayName"] == "SCEP"
    )
    states = scene.fake.configurations.states.setdefault(key, [])
    states.append({"certificateSerialNumber": serial, "certificateIssuanceState": state})


def look(scene: Scene, **passing: float) -> dict[str, Any]:
    """What the timer does after some time, and the management API says of it."""
    scene.app.now += timedelta(**passing)
    scene.a_minute_passes()
    scene.fake.entra.tokens.clear()
    tenants.look_at_installations._function.get_user_function()(None)
    return told()


def told() -> dict[str, Any]:
    headers, route = {"x-scepter-key": MANAGEMENT_KEY}, {"integration": "default"}
    answer = call(
        tenants.installations,
        request("GET", "/manage/intune/default/installations", headers=headers, route=route),
    )
    found: dict[str, Any] = body(answer)
    return found


def finding(scene: Scene) -> Finding:
    (found,) = [each for each in scene.app.health() if each.subject == "installations default"]
    return found


def test_what_intune_does_not_know_of_is_listed_when_it_has_had_its_time(watched: Scene) -> None:
    there, failed, silent = (enrol(watched, number) for number in (1, 2, 3))
    dressed = ":".join(there.serial_hex.upper()[at : at + 2] for at in range(0, len(there.serial_hex), 2))
    reports(watched, dressed, "installed")
    reports(watched, failed.serial_hex, "installFailed")
    assert look(watched, hours=1) == {**told(), "absent": 0, "issued": 0}
    found = look(watched, hours=24)
    assert (found["issued"], found["absent"]) == (3, 2)
    assert {(each["serial"], each["state"]) for each in found["list"]} == {
        (failed.serial_hex, "installFailed"),
        (silent.serial_hex, ""),
    }
    told_by_health = finding(watched)
    assert told_by_health.level == "warning"
    assert "2 of 3 certificates" in told_by_health.text
    assert "manage.py intune status" in told_by_health.remedy


def test_the_newest_certificate_of_a_device_counts_and_revoked_ones_do_not(watched: Scene) -> None:
    enrol(watched, 1)
    watched.app.now += timedelta(minutes=5)
    newer, revoked = enrol(watched, 1), enrol(watched, 2)
    reports(watched, newer.serial_hex, "installed")
    watched.app.revocations.revoke(watched.app.issuer.id, revoked.serial_hex, "superseded", by="tests")
    found = look(watched, hours=25)
    assert (found["issued"], found["absent"]) == (1, 0)
    assert finding(watched).level == "ok"


def test_two_words_on_one_certificate_mean_the_better_one(watched: Scene) -> None:
    certificate = enrol(watched, 1)
    for state in ("installFailed", "installed", "issued"):
        reports(watched, certificate.serial_hex, state)
    assert look(watched, hours=25)["absent"] == 0


def test_a_look_that_fails_keeps_the_last_list_and_says_what_it_takes(watched: Scene) -> None:
    enrol(watched, 1)
    assert look(watched, hours=25)["absent"] == 1
    watched.fake.entra.roles.discard(READS)
    after = look(watched, minutes=1)
    assert after["absent"] == 1
    assert READS in after["problem"]
    assert "manage.py intune grant" in finding(watched).remedy
    watched.fake.always(Status(500), "deviceConfigurations")
    watched.fake.entra.roles.add(READS)
    assert "500" in look(watched, minutes=1)["problem"]
    watched.fake.always(None, "deviceConfigurations")
    assert "problem" not in look(watched, minutes=1)


def test_long_lists_are_cut_and_counted(watched: Scene) -> None:
    for number in range(1, 104):
        watched.app.now += timedelta(seconds=1)
        enrol(watched, number)
    found = look(watched, hours=25)
    assert (found["absent"], len(found["list"])) == (103, 100)


@pytest.mark.parametrize("value", ["BETA", "INSTALLATIONS"])
def test_nothing_is_asked_where_it_is_turned_off(fake: FakeIntune, value: str) -> None:
    app = MemoryApplication(settings_of(fake, **{"INSTALLATIONS": "true", value: "false"}))
    app.policy = POLICY + PROFILES
    app.look_at_installations()
    assert fake.acts() == []
    assert not [each for each in app.health() if each.subject.startswith("installations")]
    app.close()
