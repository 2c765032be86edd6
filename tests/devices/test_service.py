"""What each kind of event does, once or often, and to which certificates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.ca.authority import Order
from shared.devices.event import DeviceEvent
from shared.errors import MalformedMessage
from shared.policy.events import EventType
from shared.store.devices import EventState
from shared.store.ports import Status
from tests.ca.stores import Crash, WatchedStore, template
from tests.devices.site import DAY, ENTRA, GUID, HOUR, MINUTE, Site

FINAL = {
    "wiped": "cessationOfOperation",
    "retired": "cessationOfOperation",
    "deleted": "cessationOfOperation",
    "unassigned": "privilegeWithdrawn",
    "lost": "keyCompromise",
}


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize("kind", FINAL)
def test_what_is_final_revokes_for_its_reason(site: Site, kind: str) -> None:
    record, other = site.issue(), site.issue("another-device")
    outcome = site.tell(kind)
    assert (outcome.state, outcome.revoked) == (EventState.APPLIED, 1)
    revocation = site.record(record).revocation
    assert revocation is not None
    assert (revocation.reason, revocation.by, revocation.at) == (FINAL[kind], "event:generic", site.now)
    assert revocation.note.startswith(kind)
    assert site.status(other) is Status.GOOD
    assert (site.entry().state, site.entry().revoked) == (EventState.APPLIED, 1)


def test_a_user_who_leaves_takes_the_users_certificates_along(site: Site) -> None:
    theirs = site.issue(user="ann@example.org")
    devices = site.issue()
    site.tell("userRemoved", owners=("user:ann@example.org",))
    assert (site.reason(theirs), site.status(devices)) == ("affiliationChanged", Status.GOOD)


def test_a_wiped_device_takes_the_users_certificates_on_it_along(site: Site) -> None:
    theirs = site.issue(user="ann@example.org")
    site.tell("wiped")
    assert site.reason(theirs) == "cessationOfOperation"


def test_disabled_holds_and_enabled_lifts(site: Site) -> None:
    record = site.issue()
    assert site.tell("disabled").held == 1
    assert (site.status(record), site.reason(record)) == (Status.HELD, "certificateHold")
    assert [hold.due for hold in site.hold_store.all()] == [None]
    site.now += MINUTE
    assert site.tell("enabled").lifted == 1
    assert site.status(record) is Status.GOOD
    assert list(site.hold_store.all()) == []


def test_the_profile_decides(site: Site) -> None:
    device, printer = site.issue(), site.issue(profile="printer")
    assert site.tell("wiped").revoked == 1
    assert (site.status(device), site.status(printer)) == (Status.REVOKED, Status.GOOD)
    assert site.tell("noncompliant").held == 1
    assert site.status(printer) is Status.HELD


def test_a_certificate_whose_profile_is_gone_follows_the_usual_rules(site: Site) -> None:
    record = site.issue(profile="device")
    site.profiles = type(site.profiles).parse(site.policy.replace("[profiles.device]", "[profiles.other]"))
    site.events = site.service()
    site.tell("lost")
    assert site.reason(record) == "keyCompromise"


def test_a_hold_with_an_end_becomes_a_revocation_unless_it_was_lifted(site: Site) -> None:
    kept, lifted = site.issue(profile="printer"), site.issue("another", profile="printer")
    for device in (GUID, "another"):
        site.tell("noncompliant", owners=(f"device:{device}",))
    site.revocations.lift(lifted.issuer, lifted.serial)
    site.now += 14 * DAY - MINUTE
    assert site.holds.finalise() == 0
    site.now += MINUTE
    assert site.holds.finalise() == 1
    assert (site.reason(kept), site.status(lifted)) == ("privilegeWithdrawn", Status.GOOD)
    assert list(site.hold_store.all()) == []


def test_a_hold_that_was_lifted_and_put_again_is_not_finalised_by_the_first(site: Site) -> None:
    record = site.issue(profile="printer")
    site.tell("noncompliant")
    site.now += DAY
    site.revocations.lift(record.issuer, record.serial)
    site.revocations.revoke(record.issuer, record.serial, "certificateHold", by="ann")
    site.now += 14 * DAY
    assert site.holds.finalise() == 0
    assert site.status(record) is Status.HELD


def test_what_an_administrator_holds_no_event_lifts(site: Site) -> None:
    record = site.issue()
    site.revocations.revoke(record.issuer, record.serial, "certificateHold", by="ann")
    site.tell("disabled")
    site.now += MINUTE
    assert site.tell("enabled").lifted == 0
    assert site.status(record) is Status.HELD


def test_what_another_source_holds_is_not_lifted(site: Site) -> None:
    record = site.issue()
    site.tell("disabled", source="generic")
    site.now += MINUTE
    site.tell("enabled", source="careful")
    assert site.status(record) is Status.HELD


def test_a_device_that_was_not_found_gets_its_grace(site: Site) -> None:
    record = site.issue()
    outcome = site.tell("missing", id="m")
    assert (outcome.state, site.status(record)) == (EventState.APPLIED, Status.GOOD)
    (message, delay) = site.queue.sent[0]
    assert (message["run"], delay) == (1, 65 * 60)  # challenges first, then the grace
    site.now += 72 * HOUR
    again = site.delivery("missing", id="m", occurred_at=site.now - 72 * HOUR, run=2)
    assert site.events.handle(again).revoked == 1
    assert site.entry().revoked == 1


def test_an_event_id_is_handled_once(site: Site) -> None:
    first = site.tell("wiped", id="e")
    record = site.issue()
    site.now += MINUTE
    assert site.tell("wiped", id="e", occurred_at=site.now - MINUTE).state is first.state
    assert site.status(record) is Status.GOOD, "the repeat did nothing"


def test_an_event_id_with_other_content_is_refused(site: Site) -> None:
    record = site.issue()
    site.tell("wiped", id="e", owners=("device:another",))
    with pytest.raises(MalformedMessage, match="before"):
        site.tell("wiped", id="e")
    assert site.status(record) is Status.GOOD


def test_ids_of_two_sources_do_not_meet(site: Site) -> None:
    record = site.issue()
    site.tell("wiped", id="e", owners=("device:another",), source="careful")
    site.tell("wiped", id="e")
    assert site.status(record) is Status.REVOKED


@pytest.mark.parametrize("act", ["find", "note_change", "set_revocation"])
def test_an_event_that_was_cut_off_is_finished_by_its_repeat(site: Site, act: str) -> None:
    record = site.issue()
    watched = WatchedStore(site.store)

    def crash() -> None:
        raise Crash

    watched.before[act] = crash
    broken = site.service(
        records=watched,
        revocations=replace(site.revocations, records=watched),
    )
    with pytest.raises(Crash):
        broken.handle(site.delivery("wiped", id="e"))
    assert site.entry().state is EventState.BEGUN
    assert site.tell("wiped", id="e").revoked == 1
    assert site.status(record) is Status.REVOKED


def test_an_enrolment_in_flight_loses_its_commit(site: Site) -> None:
    order = Order("c", "device", "sealed:tests", device=GUID, challenge_minted_at=site.now)
    claim = site.authority._compose_claim(template(), order, site.now)
    site.store.claim(claim)
    assert site.tell("wiped").revoked == 1
    record = site.store.find(claim.issuer, claim.serial)
    assert record is not None
    assert (record.status, record.certificate) == (Status.REVOKED, None)


def test_an_expired_certificate_is_left_alone(site: Site) -> None:
    record = site.issue()
    site.now += 366 * DAY
    assert site.tell("wiped").state is EventState.IGNORED
    assert site.status(record) is Status.GOOD


def test_a_device_without_certificates_is_no_fault(site: Site) -> None:
    assert site.tell("wiped").state is EventState.IGNORED
    assert site.entry().state is EventState.IGNORED


def test_a_preview_says_what_would_happen_and_does_nothing(site: Site) -> None:
    record = site.issue()
    event = site.delivery("wiped", source="nightly").event
    outcome, effects = site.events.preview(event)
    assert (outcome.held, outcome.revoked) == (1, 0)
    (effect,) = effects
    assert (effect.claim.serial, effect.act, effect.final_at) == (record.serial, "hold", site.now + DAY)
    assert site.status(record) is Status.GOOD
    assert (list(site.log.entries()), site.queue.sent) == ([], [])


def test_several_names_teach_that_they_are_one_device(site: Site) -> None:
    record = site.issue(ENTRA)
    site.tell("enabled", owners=(f"device:{GUID}", f"device:{ENTRA}"))
    site.now += MINUTE
    assert site.tell("wiped", owners=(f"device:{GUID}",)).revoked == 1
    assert site.status(record) is Status.REVOKED


def test_every_name_of_an_event_is_looked_under(site: Site) -> None:
    records = [site.issue(name) for name in (GUID, ENTRA, "serial-1")]
    owners = [f"device:{name}" for name in (GUID, ENTRA, "serial-1")]
    assert site.tell("wiped", owners=owners).revoked == 3
    assert {site.status(record) for record in records} == {Status.REVOKED}


def test_a_serial_number_that_many_share_reaches_none_of_the_others(site: Site) -> None:
    other = site.issue(ENTRA)
    site.tell("enabled", owners=(f"device:{ENTRA}", "device:to be filled by o.e.m."))
    site.now += MINUTE
    site.tell("wiped", owners=(f"device:{GUID}", "device:to be filled by o.e.m."))
    assert site.status(other) is Status.GOOD
    for number in range(5):
        guid = GUID.replace("1b4e28ba", f"0000000{number}")
        site.tell("enabled", owners=(f"device:{guid}", "device:to be filled by o.e.m."))
    site.now += MINUTE
    site.tell("wiped", owners=("device:to be filled by o.e.m.",))
    assert site.status(other) is Status.GOOD


def test_a_serial_number_alone_finds_its_device(site: Site) -> None:
    record = site.issue(ENTRA)
    site.tell("enabled", owners=(f"device:{ENTRA}", "device:c02m23pjfh50"))
    site.now += MINUTE
    site.tell("wiped", owners=("device:c02m23pjfh50",))
    assert site.status(record) is Status.REVOKED


def test_names_of_one_device_are_bounded(site: Site) -> None:
    for number in range(30):
        guid = GUID.replace("1b4e28ba", f"000000{number:02d}")
        site.tell("enabled", id=str(number), owners=(f"device:{ENTRA}", f"device:{guid}"))
    assert len(site.devices.facts(f"device:{ENTRA}").aliases) <= 8


def event_of(**changes: Any) -> DeviceEvent:
    usual: dict[str, Any] = {
        "source": "generic",
        "id": "e",
        "type": EventType.WIPED,
        "occurred_at": Site().now,
        "owners": ("device:a",),
    }
    return DeviceEvent(**usual | changes)


@pytest.mark.parametrize(
    "changes", [{"id": "f"}, {"type": EventType.LOST}, {"owners": ("device:b",)}, {"source": "x"}]
)
def test_the_digest_tells_events_apart(changes: dict[str, Any]) -> None:
    assert event_of().digest != event_of(**changes).digest
    assert (
        event_of(owners=("device:a", "device:b")).digest == event_of(owners=("device:b", "device:a")).digest
    )


def test_an_event_of_nobody_cannot_be() -> None:
    with pytest.raises(ValueError, match="nobody"):
        event_of(owners=())
