"""Events in any order, twice, late and redriven: only what was there when it happened is reached."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import pytest

from shared.ca.authority import Order
from shared.errors import ChallengeRejected
from shared.store.devices import EventState, Standing
from shared.store.ports import Status
from tests.ca.stores import WatchedStore, in_threads, template
from tests.devices.site import DAY, GUID, HOUR, MINUTE, Site
from tests.scep.authority import NOW


@pytest.fixture
def site() -> Site:
    return Site()


def test_an_event_redriven_after_re_enrolment_spares_the_new_certificate(site: Site) -> None:
    old = site.issue()
    wiped_at = site.now
    site.now += DAY
    new = site.issue(minted_at=site.now)
    site.now += HOUR
    assert site.tell("wiped", occurred_at=wiped_at).revoked == 1
    assert (site.status(old), site.status(new)) == (Status.REVOKED, Status.GOOD)


def test_clocks_may_differ_by_five_minutes(site: Site) -> None:
    wiped_at = site.now
    site.now += 5 * MINUTE
    close = site.issue()
    site.now += MINUTE
    late = site.issue()
    site.tell("wiped", occurred_at=wiped_at)
    assert (site.status(close), site.status(late)) == (Status.REVOKED, Status.GOOD)


def test_a_challenge_from_before_the_wipe_makes_no_certificate_that_lasts(site: Site) -> None:
    minted_at = site.now
    site.now += MINUTE
    wiped_at = site.now
    site.tell("wiped", id="w")
    ((message, delay),) = site.queue.sent
    assert delay == 65 * 60, "comes back when the longest challenge has ended"
    site.now += 30 * MINUTE
    ghost = site.issue(minted_at=minted_at)
    fresh = site.issue(minted_at=site.now)
    site.now += 35 * MINUTE
    again = site.delivery("wiped", id="w", occurred_at=wiped_at, run=message["run"])
    assert site.events.handle(again).revoked == 1
    assert (site.status(ghost), site.status(fresh)) == (Status.REVOKED, Status.GOOD)
    assert site.entry().revoked == 1
    assert len(site.queue.sent) == 1, "and then no more"


def test_a_challenge_in_use_while_the_event_is_on_its_way(site: Site) -> None:
    minted_at = site.now
    wiped_at = site.now + MINUTE
    site.now += 20 * MINUTE
    ghost = site.issue(minted_at=minted_at)
    site.now += MINUTE
    site.tell("wiped", occurred_at=wiped_at)
    assert site.status(ghost) is Status.REVOKED


def test_what_was_renewed_on_the_strength_of_a_reached_certificate_is_reached(site: Site) -> None:
    stolen = site.issue(profile="device", vouched_by="static:x")
    wiped_at = site.now
    site.now += HOUR
    heir = site.issue(vouched_by=f"renewal:{stolen.serial}")
    site.now += HOUR
    heirs_heir = site.issue(vouched_by=f"renewal:{heir.serial}")
    stranger = site.issue(vouched_by="renewal:00ff")
    site.tell("wiped", occurred_at=wiped_at)
    assert {site.status(record) for record in (stolen, heir, heirs_heir)} == {Status.REVOKED}
    assert site.status(stranger) is Status.GOOD


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_hold_or_lift_counts_in_whatever_order_they_come(
    site: Site, order: tuple[int, ...]
) -> None:
    record = site.issue()
    acts = [("disabled", 1), ("enabled", 2), ("disabled", 3)]
    site.now += HOUR
    for index in order:
        kind, minute = acts[index]
        site.tell(kind, id=str(index), occurred_at=NOW + minute * MINUTE)
    assert site.status(record) is Status.HELD


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_good_news_last_is_good_news(site: Site, order: tuple[int, ...]) -> None:
    record = site.issue()
    acts = [("enabled", 1), ("disabled", 2), ("enabled", 3)]
    site.now += HOUR
    for index in order:
        kind, minute = acts[index]
        site.tell(kind, id=str(index), occurred_at=NOW + minute * MINUTE)
    assert site.status(record) is Status.GOOD


def test_enabled_before_disabled(site: Site) -> None:
    record = site.issue()
    site.now += HOUR
    site.tell("enabled", occurred_at=NOW + 2 * MINUTE)
    outcome = site.tell("disabled", occurred_at=NOW + MINUTE)
    assert (outcome.state, outcome.note) == (EventState.IGNORED, "older than a hold or lift that is known")
    assert site.status(record) is Status.GOOD


def test_at_the_same_second_the_hold_wins(site: Site) -> None:
    for first, second in (("disabled", "enabled"), ("enabled", "disabled")):
        site = Site()
        record = site.issue()
        site.tell(first)
        site.tell(second)
        assert site.status(record) is Status.HELD


def test_a_wipe_is_final_whatever_good_news_is_newer(site: Site) -> None:
    record = site.issue()
    site.now += HOUR
    site.tell("enabled")
    site.tell("wiped", occurred_at=NOW + MINUTE)
    assert site.status(record) is Status.REVOKED


def test_two_workers_with_one_event_and_workers_with_many(site: Site) -> None:
    records = [site.issue(f"device-{number}") for number in range(8)]
    deliveries = [site.delivery("wiped", owners=(f"device:device-{number}",)) for number in range(8)]
    site.now += MINUTE
    results = in_threads([partial(site.service().handle, each) for each in deliveries * 2])
    assert not [result for result in results if isinstance(result, Exception)]
    assert {site.status(record) for record in records} == {Status.REVOKED}


def test_two_workers_race_for_the_standing_of_a_device(site: Site) -> None:
    record = site.issue()
    site.now += HOUR
    deliveries = [
        site.delivery(kind, id=f"{kind}-{minute}", occurred_at=NOW + minute * MINUTE)
        for minute in range(10)
        for kind in ("disabled", "enabled")
    ]
    results = in_threads([partial(site.service().handle, each) for each in deliveries])
    for result, delivery in zip(results, deliveries, strict=True):
        if isinstance(result, Exception):  # others kept winning: the queue brings it again
            site.events.handle(delivery)
    assert site.devices.facts(f"device:{GUID}").standings["generic"] == Standing(NOW + 9 * MINUTE, True)
    site.events.handle(deliveries[-2])  # whoever came last has seen them all
    assert site.status(record) is Status.HELD


@pytest.mark.parametrize(("slow", "fast"), [("enabled", "disabled"), ("disabled", "enabled")])
def test_a_newer_event_that_finds_nothing_to_do_yet_still_has_its_way(
    site: Site, slow: str, fast: str
) -> None:
    """The newer one is handled between the older one's reading and its writing."""
    record = site.issue()
    if slow == "enabled":
        site.tell("disabled", id="first")
    site.now += HOUR
    watched = WatchedStore(site.store)
    newer = site.delivery(fast, id="newer", occurred_at=NOW + 3 * MINUTE)

    def overtake() -> None:
        del watched.before["note_change"]
        site.events.handle(newer)

    watched.before["note_change"] = overtake
    worker = site.service(revocations=replace(site.revocations, records=watched))
    worker.handle(site.delivery(slow, id="older", occurred_at=NOW + 2 * MINUTE))
    assert site.status(record) is (Status.HELD if fast == "disabled" else Status.GOOD)


def test_a_device_wiped_in_the_middle_of_its_enrolment() -> None:
    """Whichever of commit and revocation is first: the device ends without a live certificate."""
    for _ in range(20):
        site = Site()
        wipe = site.delivery("wiped")
        in_threads([partial(site.issue, minted_at=site.now), partial(site.service().handle, wipe)])
        site.events.handle(replace(wipe, run=1))
        assert [record.status for record in site.store.records(site.issuer.id)] in ([Status.REVOKED], [])


def test_a_claim_revoked_before_its_signature_refuses_the_enrolment(site: Site) -> None:
    order = Order("c", "device", "sealed:tests", device=GUID)
    site.store.claim(site.authority._compose_claim(template(), order, site.now))
    site.tell("wiped")
    with pytest.raises(ChallengeRejected):
        site.authority.issue(template(), order, now=site.now)
