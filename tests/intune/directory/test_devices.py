"""Devices: what each change in Entra and Intune is told as, once, and with all the names of the device."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from fakes.microsoft import Status as Answer
from shared import wiring
from shared.store.ports import Status
from tests.intune.directory.tenant import Tenant, guid


@pytest.fixture
def looked_at(tenant: Tenant) -> Tenant:
    """Seven devices, which were looked at once."""
    for number in range(7):
        tenant.device(number)
    assert tenant.look() == []
    return tenant


def waiting(tenant: Tenant) -> dict[str, Any]:
    """The event that waits for its hour."""
    (found,) = [
        message
        for message, delay in tenant.app.queues["device-events"].sent
        if delay and message.get("run") == 1
    ]
    return dict(found)


def names(number: int) -> dict[str, str]:
    return {
        "intuneDeviceId": guid(number, "e"),
        "entraDeviceId": guid(number),
        "entraObjectId": guid(number, "a"),
        "serialNumber": f"SN{number}",
    }


def test_nothing_new_is_nothing_told(looked_at: Tenant) -> None:
    assert looked_at.look() == []
    assert looked_at.note()["listed"] == 7


@pytest.mark.parametrize("minimal", [True, False], ids=["changed properties only", "whole objects"])
def test_an_account_is_disabled_and_enabled_again(looked_at: Tenant, minimal: bool) -> None:
    looked_at.fake.directory.devices.minimal = minimal
    record = looked_at.certificate(device=guid(3))
    looked_at.fake.directory.devices.put(guid(3, "a"), accountEnabled=False)
    (message,) = found = looked_at.look()
    assert (message["type"], message["source"], message["device"]) == ("disabled", "directory", names(3))
    assert message["id"].startswith(f"{guid(3)}.disabled.")
    looked_at.handle(found)
    assert looked_at.status(record) is Status.HELD
    assert looked_at.look() == [], "it is told once"
    looked_at.fake.directory.devices.put(guid(3, "a"), accountEnabled=True)
    looked_at.handle(looked_at.look())
    assert looked_at.status(record) is Status.GOOD


@pytest.mark.parametrize("reason", ["changed", "deleted"])
def test_an_account_is_deleted(looked_at: Tenant, reason: str) -> None:
    record = looked_at.certificate(device=guid(3, "e"))
    looked_at.fake.directory.devices.remove(guid(3, "a"), reason)
    (message,) = found = looked_at.look()
    assert (message["type"], message["device"]) == ("deleted", names(3)), (
        "only its object id was in the answer"
    )
    looked_at.handle(found)
    assert looked_at.status(record) is Status.HELD
    assert looked_at.look() == []


def test_an_account_is_no_longer_managed(looked_at: Tenant) -> None:
    looked_at.fake.directory.devices.put(guid(3, "a"), isManaged=False)
    assert looked_at.told() == [], "Intune still lists it, and Intune knows better"
    looked_at.fake.managed.devices.remove(guid(3, "e"))
    assert looked_at.told() == [("retired", guid(3, "e"))]


def test_what_was_never_managed_is_nobody_s_retirement(tenant: Tenant) -> None:
    tenant.device(1, managed=False, listed=False)
    tenant.look()
    tenant.fake.directory.devices.put(guid(1, "a"), displayName="another")
    assert tenant.look() == []


STATES = {
    **dict.fromkeys(("wipePending", "wipeIssued"), "wiped"),
    **dict.fromkeys(("retirePending", "retireIssued"), "retired"),
    "deletePending": "deleted",
    **dict.fromkeys(("wipeFailed", "wipeCanceled", "retireFailed", "retireCanceled", "unhealthy"), ""),
    "discovered": "",
}


@pytest.mark.parametrize("beta", [True, False])
def test_what_intune_was_told_to_do(tenant: Tenant, beta: bool) -> None:
    tenant.fake.managed.beta = beta
    for number in range(len(STATES)):
        tenant.device(number)
    tenant.look()
    for number, state in enumerate(STATES):
        tenant.fake.managed.put(guid(number, "e"), guid(number), f"SN{number}", state)
    expected = [(kind, guid(number, "e")) for number, kind in enumerate(STATES.values()) if kind]
    assert sorted(tenant.told()) == sorted(expected)
    assert tenant.fake.acts("managedDevices v1.0") == [] if beta else ["managedDevices v1.0"] * 2


def test_beta_can_be_turned_off(fake: Any) -> None:
    tenant = Tenant.make(fake, BETA="false")
    wiring.use(tenant.app)
    tenant.device(1)
    tenant.look()
    wiring.use(None)
    tenant.app.close()
    assert "managedDevices beta" not in fake.acts()
    assert "managedDevices v1.0" in fake.acts()


def test_what_follows_from_a_wipe_is_no_news(looked_at: Tenant) -> None:
    looked_at.fake.managed.put(guid(1, "e"), guid(1), "SN1", "wipePending")
    assert looked_at.told() == [("wiped", guid(1, "e"))]
    looked_at.fake.managed.devices.remove(guid(1, "e"))
    looked_at.fake.directory.devices.put(guid(1, "a"), isManaged=False)
    assert looked_at.told() == []
    looked_at.fake.directory.devices.remove(guid(1, "a"))
    assert looked_at.told() == []


def test_a_device_that_is_not_listed_any_more_gets_its_grace(looked_at: Tenant) -> None:
    record = looked_at.certificate(device=guid(4, "e"))
    hidden = looked_at.fake.managed.devices.objects[guid(4, "e")]
    looked_at.fake.managed.devices.hide(guid(4, "e"))
    found = looked_at.look()
    assert [each["type"] for each in found] == ["missing"]
    looked_at.handle(found)
    assert looked_at.status(record) is Status.GOOD
    looked_at.fake.managed.devices.objects[guid(4, "e")] = hidden
    back = looked_at.look()
    assert [each["type"] for each in back] == ["enabled"]
    looked_at.handle(back)
    later = waiting(looked_at)
    looked_at.app.now += timedelta(hours=73)
    looked_at.handle([later])
    assert looked_at.status(record) is Status.GOOD, "it turned up"


def test_a_device_that_stays_away_is_revoked(looked_at: Tenant) -> None:
    record = looked_at.certificate(device=guid(4))
    looked_at.fake.managed.devices.hide(guid(4, "e"))
    looked_at.handle(looked_at.look())
    later = waiting(looked_at)
    looked_at.app.now += timedelta(hours=72)
    looked_at.handle([later])
    assert looked_at.status(record) is Status.HELD


def test_a_device_that_enrolled_anew_is_not_missing_by_its_former_id(looked_at: Tenant) -> None:
    looked_at.fake.managed.put(guid(44, "e"), guid(4), "SN4")
    looked_at.fake.managed.devices.hide(guid(4, "e"))
    assert looked_at.look() == []


def test_a_wipe_of_a_former_enrolment_says_nothing_of_the_new_one(looked_at: Tenant) -> None:
    looked_at.fake.managed.put(guid(4, "e"), guid(4), "SN4", "wipeIssued")
    looked_at.fake.managed.put(guid(44, "e"), guid(4), "SN4")
    assert looked_at.look() == []


def test_a_device_registered_anew_is_not_deleted_with_its_former_account(looked_at: Tenant) -> None:
    looked_at.fake.directory.devices.put(guid(77, "a"), deviceId=guid(4), accountEnabled=True, isManaged=True)
    looked_at.look()
    looked_at.fake.directory.devices.remove(guid(4, "a"))
    assert looked_at.look() == []


@pytest.mark.parametrize("entra", ["", "00000000-0000-0000-0000-000000000000"])
def test_a_device_that_entra_does_not_know(tenant: Tenant, entra: str) -> None:
    tenant.fake.managed.put("Intune id/1", entra, "serial # 1")
    tenant.fake.managed.put(guid(2, "e"), entra, "SN2")
    tenant.look()
    tenant.fake.managed.put(guid(2, "e"), entra, "SN2", "retirePending")
    (message,) = tenant.look()
    assert message["device"] == {"intuneDeviceId": guid(2, "e"), "serialNumber": "SN2"}
    tenant.fake.managed.put(guid(2, "e"), guid(2), "SN2", "retirePending")
    assert tenant.told() == [("retired", guid(2, "e"))], "now with the id that it has in Entra"
    assert [row.key for row in tenant.app.directory.all("default", "device")][-1] == f"intune.{odd_key()}"


def test_a_first_look_tells_only_what_concerns_certificates(tenant: Tenant) -> None:
    for number in range(4):
        tenant.device(number, enabled=number % 2 == 0)
    record = tenant.certificate(device=guid(3, "e"))
    found = tenant.look()
    assert [(each["type"], each["device"]["entraDeviceId"]) for each in found] == [("disabled", guid(3))]
    tenant.handle(found)
    assert tenant.status(record) is Status.HELD


def test_a_new_device_that_is_disabled_is_told(looked_at: Tenant) -> None:
    looked_at.device(9, enabled=False)
    assert looked_at.told() == [("disabled", guid(9, "e"))]


def test_names_of_one_event_are_learned_as_one_device(looked_at: Tenant) -> None:
    looked_at.certificate(device=guid(3))
    looked_at.fake.directory.devices.put(guid(3, "a"), accountEnabled=False)
    looked_at.handle(looked_at.look())
    assert f"device:{guid(3)}" in looked_at.app.devices.facts(f"device:{guid(3, 'e')}").aliases


def odd_key() -> str:
    return hashlib.sha256(b"intune id/1").hexdigest()[:32]


# Where the reading ends early.


def test_a_place_that_was_forgotten_is_read_again_and_told_once(looked_at: Tenant) -> None:
    devices = looked_at.fake.directory.devices
    devices.put(guid(1, "a"), accountEnabled=False)
    devices.hide(guid(2, "a"))
    devices.lost_tokens = True
    assert sorted(looked_at.told()) == [("deleted", guid(2, "e")), ("disabled", guid(1, "e"))]
    devices.lost_tokens = False
    assert looked_at.look() == []


def test_the_same_change_twice_in_one_answer_is_one_event(looked_at: Tenant) -> None:
    devices = looked_at.fake.directory.devices
    devices.twice = True
    devices.put(guid(1, "a"), accountEnabled=False)
    devices.remove(guid(2, "a"))
    assert sorted(looked_at.told()) == [("deleted", guid(2, "e")), ("disabled", guid(1, "e"))]


@pytest.mark.parametrize(
    ("act", "role"),
    [
        ("devices/delta", "Device.Read.All"),
        ("managedDevices beta", "DeviceManagementManagedDevices.Read.All"),
    ],
)
def test_a_missing_permission_is_named_and_changes_nothing(looked_at: Tenant, act: str, role: str) -> None:
    looked_at.fake.entra.roles.discard(role)
    looked_at.fake.directory.devices.remove(guid(1, "a"))
    looked_at.fake.managed.devices.hide(guid(2, "e"))
    before = list(looked_at.app.directory.all("default", "device"))
    assert looked_at.look() == []
    assert list(looked_at.app.directory.all("default", "device")) == before
    assert role in looked_at.note()["problem"]
    finding = looked_at.finding("directory default, devices")
    assert role in finding.text
    assert "manage.py intune grant" in finding.remedy
    looked_at.fake.entra.roles.add(role)
    assert sorted(looked_at.told()) == [("deleted", guid(1, "e")), ("missing", guid(2, "e"))]
    assert "problem" not in looked_at.note()


NO_ANSWERS = [
    Answer(500),
    Answer(401),
    Answer(200, body=b"<html>"),
    Answer(200, body=b'{"value": 7}'),
    Answer(200, body=b'{"value": [{}], "@odata.nextLink": "https://elsewhere.example.org/x"}'),
    Answer(200, body=b"[]"),
]


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        *((act, fault) for act in ("devices/delta", "managedDevices beta") for fault in NO_ANSWERS),
        # Of managedDevices that is an empty listing, which the guard is for: test_shrinkage.py.
        ("devices/delta", Answer(200, body=b"{}")),
    ],
)
def test_an_answer_that_is_none_changes_nothing(looked_at: Tenant, act: str, fault: Answer) -> None:
    before = list(looked_at.app.directory.all("default", "device"))
    looked_at.fake.always(fault, act)
    assert looked_at.look() == []
    assert list(looked_at.app.directory.all("default", "device")) == before
    assert looked_at.note()["problem"].startswith("Graph")


def test_a_run_that_was_cut_off_tells_the_same_events_once_more(
    looked_at: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at.fake.directory.devices.put(guid(1, "a"), accountEnabled=False)
    looked_at.fake.directory.devices.put(guid(2, "a"), accountEnabled=False)
    queue = looked_at.app.queues["device-events"]
    send, sent = queue.send, list[Any]()

    def once(message: Any, *, delay: int = 0) -> None:
        if sent:
            raise RuntimeError("the worker dies")
        sent.append(message)
        send(message, delay=delay)

    with monkeypatch.context() as patch:
        patch.setattr(queue, "send", once)
        with pytest.raises(RuntimeError):
            looked_at.look()
    again = looked_at.look()
    assert len(again) == 2
    assert sent[0]["id"] in {each["id"] for each in again}
    first = next(each for each in again if each["id"] == sent[0]["id"])
    assert {**first, "receivedAt": ""} == {**sent[0], "receivedAt": ""}
