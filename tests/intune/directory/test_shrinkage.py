"""The drill: half the directory disappears from a listing. Nothing is revoked, an alarm rises, and it mends itself."""

from __future__ import annotations

import logging

import pytest

from fakes.microsoft import Status as Answer
from shared.errors import PolicyViolation
from shared.intune.directory.shrinkage import FLOOR, Shrinkage
from shared.record.health import Level
from shared.store.ports import Status
from tests.intune.directory.tenant import Tenant, guid

DEVICES = 60


@pytest.fixture
def fleet(tenant: Tenant) -> Tenant:
    """A fleet that was looked at once, each device with a certificate."""
    for collection in (
        tenant.fake.managed.devices,
        tenant.fake.directory.devices,
        tenant.fake.directory.users,
    ):
        collection.page = 20
    for number in range(DEVICES):
        tenant.device(number)
        tenant.user(number)
        tenant.certificate(device=guid(number, "e"))
    assert tenant.look() == []
    return tenant


def all_good(tenant: Tenant) -> bool:
    records = tenant.app.store.records(tenant.app.issuer.id)
    return {record.status for record in records} == {Status.GOOD}


def ids(kind: str, count: int) -> list[str]:
    return [guid(number, kind) for number in range(count)]


@pytest.mark.parametrize("count", [DEVICES // 2, DEVICES])
def test_half_of_intune_s_listing_disappears(
    fleet: Tenant, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole = dict(fleet.fake.managed.devices.objects)
    fleet.fake.managed.devices.hide(*ids("e", count))
    for _ in range(2):
        with caplog.at_level(logging.CRITICAL, "scepter.directory"):
            fleet.handle(fleet.look())
        assert f"{count} of {DEVICES} are gone" in caplog.text
        assert all_good(fleet)
    finding = fleet.finding("directory default, devices")
    assert finding.level is Level.CRITICAL
    assert f"{count} of {DEVICES} are gone" in finding.text
    assert "manage.py intune accept --integration default --kind device" in finding.remedy
    fleet.fake.managed.devices.objects = whole
    assert fleet.look() == []
    assert fleet.finding("directory default, devices").level is Level.OK


def test_half_of_entra_s_devices_disappear(fleet: Tenant) -> None:
    for key in ids("a", DEVICES // 2):
        fleet.fake.directory.devices.remove(key)
    assert fleet.look() == []
    assert fleet.note()["gone"] == DEVICES // 2
    for number in range(DEVICES // 2):
        fleet.device(number)
    assert fleet.look() == [], "the changes since the last look that was believed are read as one"
    assert fleet.note()["alarm"] == ""


def test_half_of_a_listing_that_is_read_again_is_missing(fleet: Tenant) -> None:
    fleet.fake.directory.devices.lost_tokens = True
    fleet.fake.directory.devices.hide(*ids("a", DEVICES // 2))
    assert fleet.look() == []
    assert fleet.note()["gone"] == DEVICES // 2


@pytest.mark.parametrize("how", ["deleted", "not listed", "none listed"])
def test_half_of_the_users_disappear(fleet: Tenant, how: str) -> None:
    users, count = fleet.fake.directory.users, DEVICES if how == "none listed" else DEVICES // 2
    users.lost_tokens = how != "deleted"
    for key in ids("f", count):
        users.remove(key) if how == "deleted" else users.hide(key)
    assert fleet.look() == []
    assert fleet.finding("directory default, users").level is Level.CRITICAL
    assert fleet.note("user")["gone"] == count


def test_an_empty_answer_is_an_empty_listing(fleet: Tenant) -> None:
    fleet.fake.always(Answer(200, body=b'{"value": []}'), "managedDevices beta")
    assert fleet.look() == []
    assert "the listing is empty" in fleet.note()["alarm"]


def test_a_small_tenant_whose_only_device_goes(tenant: Tenant) -> None:
    tenant.device(1)
    tenant.look()
    tenant.fake.managed.devices.hide(guid(1, "e"))
    assert tenant.look() == []
    assert tenant.note()["alarm"]
    assert tenant.app.accept_shrinkage("default", "device") == 1
    assert tenant.told() == [("missing", guid(1, "e"))]


def test_what_is_accepted_is_told_and_the_brake_holds(fleet: Tenant) -> None:
    fleet.fake.managed.devices.hide(*ids("e", DEVICES // 2))
    fleet.look()
    assert fleet.app.accept_shrinkage("default", "device") == DEVICES // 2
    fleet.fake.managed.devices.hide(guid(DEVICES - 1, "e"))
    assert fleet.look() == [], "more is missing by now than was accepted"
    assert fleet.app.accept_shrinkage("default", "device") == DEVICES // 2 + 1
    assert [each["type"] for each in fleet.look()] == ["missing"] * (DEVICES // 2 + 1)
    with pytest.raises(PolicyViolation):
        fleet.app.accept_shrinkage("default", "device")


def test_what_is_ordered_is_not_shrinkage_but_the_brakes(fleet: Tenant) -> None:
    """Somebody wipes half the fleet: Intune says so of each, and the brake parks what is above its limit."""
    fleet.app.brake.limits = type(fleet.app.brake.limits)(20, 100, fleet.app.brake.limits.window)
    for number in range(DEVICES // 2):
        fleet.fake.managed.put(guid(number, "e"), guid(number), f"SN{number}", "wipeIssued")
    found = fleet.look()
    assert len(found) == DEVICES // 2
    fleet.handle(found)
    states = [record.status for record in fleet.app.store.records(fleet.app.issuer.id)]
    assert states.count(Status.HELD) == 20
    assert len(list(fleet.app.parked.all("directory"))) == DEVICES // 2 - 20


def test_some_may_go_at_any_time(fleet: Tenant) -> None:
    fleet.fake.managed.devices.hide(*ids("e", FLOOR))
    assert len(fleet.look()) == FLOOR


@pytest.mark.parametrize(
    ("shrinkage", "percent", "accepted", "suspicious"),
    [
        (Shrinkage(10, 20), 10, 0, False),
        (Shrinkage(11, 20), 10, 0, True),
        (Shrinkage(100, 1000), 10, 0, False),
        (Shrinkage(101, 1000), 10, 0, True),
        (Shrinkage(101, 1000), 10, 101, False),
        (Shrinkage(102, 1000), 10, 101, True),
        (Shrinkage(1, 1, emptied=True), 10, 0, True),
        (Shrinkage(0, 0, emptied=True), 10, 0, False),
        (Shrinkage(1000, 1000), 100, 0, False),
    ],
)
def test_what_is_suspicious(shrinkage: Shrinkage, percent: int, accepted: int, suspicious: bool) -> None:
    assert shrinkage.is_suspicious(percent, accepted) is suspicious
