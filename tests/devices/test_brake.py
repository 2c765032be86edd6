"""The brake and what bulk sources may do: holds first, a limit, parking, release, undo."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

import pytest

from shared.revocation.brake import FLOOR, BrakeLimits, window_name
from shared.store.devices import EventState, FleetCount
from shared.store.ports import CertificateRecord, Status
from tests.ca.stores import in_threads
from tests.devices.site import DAY, HOUR, MINUTE, Site
from tests.scep.authority import NOW


@pytest.fixture
def site() -> Site:
    return Site(limits=BrakeLimits(3, 5, HOUR))


def fleet(site: Site, count: int) -> list[CertificateRecord]:
    return [site.issue(f"device-{number}") for number in range(count)]


def wipe(site: Site, number: int, *, source: str = "generic", **more: object) -> EventState:
    more = {"id": f"wipe-{number}", "occurred_at": NOW, **more}
    return site.tell("wiped", source=source, owners=(f"device:device-{number}",), **more).state


def test_a_bulk_source_holds_first_and_is_final_a_day_later(site: Site) -> None:
    record = site.issue()
    assert site.tell("wiped", source="nightly").held == 1
    revocation = site.record(record).revocation
    assert revocation is not None
    assert (revocation.reason, revocation.by) == ("certificateHold", "event:nightly")
    site.now += DAY
    assert site.holds.finalise() == 1
    assert site.reason(record) == "cessationOfOperation"


@pytest.mark.parametrize("source", ["directory", "intune", "graph"])
def test_our_own_listings_and_queues_are_bulk(site: Site, source: str) -> None:
    record = site.issue()
    site.tell("deleted", source=source)
    assert site.status(record) is Status.HELD


def test_the_grace_of_a_profile_may_be_none(site: Site) -> None:
    record = site.issue(profile="printer")
    site.tell("deleted", source="nightly")
    assert site.status(record) is Status.REVOKED


def test_good_news_does_not_lift_what_is_to_become_a_revocation(site: Site) -> None:
    record = site.issue()
    site.tell("disabled", source="nightly")
    site.now += MINUTE
    site.tell("deleted", source="nightly")
    site.now += MINUTE
    site.tell("enabled", source="nightly")
    assert site.status(record) is Status.HELD
    site.now += DAY
    assert site.holds.finalise() == 1


def test_a_certificate_that_an_administrator_holds_becomes_final_too(site: Site) -> None:
    record = site.issue()
    site.revocations.revoke(record.issuer, record.serial, "certificateHold", by="ann")
    site.now += MINUTE
    site.tell("wiped", source="nightly")
    site.now += DAY
    assert site.holds.finalise() == 1
    assert site.status(record) is Status.REVOKED


def test_a_mistake_stops_at_the_limit_and_is_released_on_command(site: Site) -> None:
    records = fleet(site, 6)
    states = [wipe(site, number) for number in range(6)]
    assert states == [EventState.APPLIED] * 3 + [EventState.PARKED] * 3
    assert [site.status(record) for record in records] == [Status.REVOKED] * 3 + [Status.GOOD] * 3
    assert len(list(site.parked.all("generic"))) == 3
    site.queue.sent.clear()
    assert site.parked.release("generic", 2) == 2
    for message, _ in list(site.queue.sent):
        assert message["released"] is True
        assert wipe(site, int(message["id"][5:]), released=True) is EventState.APPLIED
    assert [site.status(record) for record in records].count(Status.REVOKED) == 5
    assert site.parked.release("jamf", 100) == 0
    assert site.parked.release(None, 100) == 1
    assert list(site.parked.all()) == []


def test_what_is_discarded_is_not_done_and_stays_on_record(site: Site) -> None:
    records = fleet(site, 5)
    for number in range(5):
        wipe(site, number)
    assert site.parked.discard("generic", 100, by="ann") == 2
    assert wipe(site, 4) is EventState.DISCARDED, "a repeat does not bring it back"
    assert site.status(records[4]) is Status.GOOD
    notes = {entry.note for entry in site.log.entries() if entry.state is EventState.DISCARDED}
    assert notes == {"discarded by ann"}


def test_redelivery_and_several_events_of_one_device_count_once(site: Site) -> None:
    fleet(site, 4)
    for _ in range(3):
        for number in range(3):
            assert wipe(site, number) is EventState.APPLIED
    for number in range(3):
        assert wipe(site, number, id=f"other-{number}") is not EventState.PARKED
    assert wipe(site, 3) is EventState.PARKED


def test_a_repeat_of_what_is_parked_stays_parked_once(site: Site) -> None:
    fleet(site, 4)
    for _ in range(2):
        for number in range(4):
            wipe(site, number)
    assert [event.id for event in site.parked.all()] == ["wipe-3"]


def test_each_source_and_each_window_has_its_own_count(site: Site) -> None:
    fleet(site, 8)
    assert [wipe(site, number) for number in range(4)][-1] is EventState.PARKED
    assert wipe(site, 4, source="nightly") is EventState.APPLIED
    site.now += HOUR
    assert wipe(site, 5) is EventState.APPLIED


def test_a_late_redelivery_counts_in_the_window_it_came_in(site: Site) -> None:
    fleet(site, 5)
    for number in range(3):
        wipe(site, number)
    site.now += 2 * HOUR
    assert wipe(site, 3, received_at=NOW) is EventState.PARKED


def test_a_source_may_have_a_limit_of_its_own(site: Site) -> None:
    fleet(site, 3)
    states = [wipe(site, number, source="careful") for number in range(3)]
    assert states == [EventState.APPLIED, EventState.APPLIED, EventState.PARKED]


def test_what_changes_nothing_or_lifts_is_not_counted(site: Site) -> None:
    for number in range(20):
        assert wipe(site, number) is EventState.IGNORED, "these devices have no certificates"
    records = fleet(site, 3)
    for number in range(3):
        site.tell("disabled", owners=(f"device:device-{number}",), id=f"d{number}")
    site.now += MINUTE
    more = site.issue("device-9")
    site.tell("disabled", owners=("device:device-9",), id="d9")
    assert site.status(more) is Status.GOOD
    for number in range(3):
        site.tell("enabled", owners=(f"device:device-{number}",), id=f"e{number}")
    assert {site.status(record) for record in records} == {Status.GOOD}


def test_undo_lifts_what_was_only_held(site: Site) -> None:
    old = site.issue("device-0")
    site.tell("deleted", source="nightly", owners=("device:device-0",))
    site.now += HOUR
    since = site.now
    held, final = site.issue("device-1"), site.issue("device-2", profile="printer")
    admin = site.issue("device-3")
    site.revocations.revoke(admin.issuer, admin.serial, "certificateHold", by="ann")
    site.now += MINUTE
    for number in (1, 2, 3):
        site.tell("deleted", source="nightly", owners=(f"device:device-{number}",))
    lifted = [hold.serial for hold in site.holds.undo("nightly", since)]
    assert lifted == [held.serial]
    assert [site.status(record) for record in (old, held, final, admin)] == [
        Status.HELD,
        Status.GOOD,
        Status.REVOKED,
        Status.HELD,
    ]
    assert [hold.serial for hold in site.holds.undo("nightly", since)] == []


def test_the_smaller_of_count_and_share_counts_but_small_fleets_work() -> None:
    limits = BrakeLimits(100, 5, HOUR)
    assert limits.most(None, None) == 100
    assert limits.most(FleetCount(50, NOW), None) == FLOOR
    assert limits.most(FleetCount(1_000, NOW), None) == 50
    assert limits.most(FleetCount(100_000, NOW), None) == 100
    assert limits.most(FleetCount(100_000, NOW), 5_000) == 5_000


def test_the_brake_follows_the_fleet_count() -> None:
    site = Site(limits=BrakeLimits(1000, 5, HOUR))
    site.devices.count_fleet(FleetCount(40, NOW))
    fleet(site, 12)
    states = [wipe(site, number) for number in range(12)]
    assert states.count(EventState.PARKED) == 12 - FLOOR


def test_many_at_once_stop_exactly_at_the_limit() -> None:
    site = Site(limits=BrakeLimits(10, 5, HOUR))
    records = fleet(site, 30)
    deliveries = [site.delivery("wiped", owners=(f"device:device-{n}",), id=str(n)) for n in range(30)]
    results = in_threads([partial(site.events.handle, each) for each in deliveries])
    assert [result.state for result in results].count(EventState.APPLIED) == 10
    assert [site.status(record) for record in records].count(Status.REVOKED) == 10
    assert len(list(site.parked.all())) == 20
    assert json.loads(next(site.parked.all()).message)["type"] == "wiped"


def test_a_mistake_of_five_hundred_devices_stops_at_a_hundred_and_the_rest_is_done_on_command() -> None:
    site = Site(limits=BrakeLimits(100, 5, HOUR))
    records = fleet(site, 500)

    def revoked() -> int:
        return [site.status(record) for record in records].count(Status.REVOKED)

    for number in range(500):
        wipe(site, number)
    assert (revoked(), len(list(site.parked.all("generic")))) == (100, 400)
    site.now += 3 * HOUR
    site.queue.sent.clear()
    while site.parked.release("generic", 50):
        messages, site.queue.sent = site.queue.sent, []
        for message, _ in messages:
            number = int(message["id"][5:])
            assert wipe(site, number, released=message["released"]) is EventState.APPLIED
    assert (revoked(), list(site.parked.all())) == (500, [])


def test_windows_have_names_that_sort_by_time() -> None:
    names = [window_name(NOW + timedelta(minutes=step), HOUR, "a") for step in range(-200, 200, 10)]
    assert names == sorted(names)
    assert window_name(NOW, HOUR, "a") == window_name(NOW + 59 * MINUTE, HOUR, "a") == "20261121120000.a"
