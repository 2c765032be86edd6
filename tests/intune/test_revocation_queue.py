"""Intune's revocation queue, emptied: every item once in effect, answered when that is durable, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.microsoft import FakeIntune, Lost, Reset, Status, Unrecorded
from fakes.microsoft.revocations import Item
from functions import events, intune
from shared import wiring
from shared.errors import StoreUnavailable
from shared.intune.revocations import serial_of
from shared.store.devices import EventState
from shared.store.ports import CertificateRecord
from shared.store.ports import Status as State
from tests.functions.application import queue_message
from tests.intune.scene import Scene

DOWNLOAD, UPLOAD = "downloadRevocationRequests", "uploadRevocationResults"
RULE = "[profiles.intune-user]"


@pytest.fixture(autouse=True)
def at_once(fake: FakeIntune) -> None:
    """What is not answered comes again at the next call."""
    fake.revocations.lease = 0


def empty() -> None:
    """What the timer does."""
    intune.empty_revocation_queues._function.get_user_function()(None)


def enrolled(scene: Scene, number: int = 0, subject: str = "CN=dev1,O=Example") -> CertificateRecord:
    certificate = scene.device(subject, number=number).enrol()
    found = scene.app.store.find(scene.app.issuer.id, certificate.serial_hex)
    assert found is not None
    return found


def asked_for(scene: Scene, record: CertificateRecord, **changes: Any) -> Item:
    """The item as Intune makes it: what it was told at issuance, given back."""
    told = next(
        each
        for each in scene.fake.scep.successes
        if serial_of(each["certificateSerialNumber"]) == record.serial
    )
    usual = (told["certificateSerialNumber"], told["issuingCertificateAuthority"], told["caConfiguration"])
    item = Item(*usual)
    for name, value in changes.items():
        setattr(item, name, value)
    scene.fake.revocations.waiting.append(item)
    return item


def state(scene: Scene, record: CertificateRecord) -> State:
    found = scene.app.store.find(record.issuer, record.serial)
    assert found is not None
    return found.status


def results(scene: Scene, item: Item) -> list[tuple[bool, str]]:
    found = [each for lease in item.leases for each in scene.fake.revocations.results.get(lease, [])]
    return [(each["succeeded"], each["errorCode"]) for each in found]


def note(scene: Scene) -> dict[str, Any]:
    found = scene.app.notes.read("default.revocations")
    assert found is not None
    return dict(found.content)


DONE = [(True, "None")]
NOT_FOUND = [(False, "CertificateNotFoundError")]


def test_it_is_held_at_once_and_final_a_day_later(scene: Scene) -> None:
    record, other = enrolled(scene), enrolled(scene, 1, "CN=dev2,O=Example")
    item = asked_for(scene, record)
    empty()
    assert (state(scene, record), state(scene, other)) == (State.HELD, State.GOOD)
    assert results(scene, item) == DONE
    assert scene.fake.revocations.waiting == []
    scene.app.now += timedelta(days=1)
    assert scene.app.holds.finalise() == 1
    found = scene.app.store.find(record.issuer, record.serial)
    assert found is not None
    assert found.revocation is not None
    assert (found.revocation.reason, found.revocation.by) == ("cessationOfOperation", "event:intune")


def test_nothing_is_asked_where_it_is_turned_off(fake: FakeIntune) -> None:
    with_setting = Scene.make(fake, SCEPTER_INTUNE__DEFAULT__REVOCATIONS="false")
    wiring.use(with_setting.app)
    try:
        empty()
    finally:
        wiring.use(None)
        with_setting.app.close()
    assert fake.acts() == []


@pytest.mark.parametrize(
    "dress",
    [
        lambda serial: serial.lower(),
        lambda serial: f"0x{serial}",
        lambda serial: f"0000{serial}",
        lambda serial: ":".join(serial[at : at + 2] for at in range(0, len(serial), 2)),
        lambda serial: f" {serial[:10]} {serial[10:]} ",
        lambda serial: "-".join((serial[:8], serial[8:])),
    ],
)
def test_a_serial_is_found_however_it_is_spelt(scene: Scene, dress: Any) -> None:
    record = enrolled(scene)
    item = asked_for(scene, record, issuer=None, configuration=None)
    item.serial = dress(item.serial)
    empty()
    assert state(scene, record) is State.HELD
    assert results(scene, item) == DONE


@pytest.mark.parametrize(
    ("text", "serial"), [("00", "00"), ("abc", "0abc"), ("0X00:0a", "0a"), ("x", ""), ("", "")]
)
def test_serials_in_their_plain_form(text: str, serial: str) -> None:
    assert serial_of(text) == serial


@pytest.mark.parametrize("text", ["1" * 81, "0x", "not hex", "12\x00", "²", "\ud800", "-" * 9999])
def test_what_is_no_serial_is_nobody_s(scene: Scene, text: str) -> None:
    assert serial_of(text) == ""


@pytest.mark.parametrize(
    ("issuer", "configuration"),
    [(None, None), ("CN=Somebody else", None), (None, "0123456789abcdef"), ("x", "prod"), ("", "")],
)
def test_our_own_serials_need_no_issuer(scene: Scene, issuer: str | None, configuration: str | None) -> None:
    record = enrolled(scene)
    item = asked_for(scene, record, issuer=issuer, configuration=configuration)
    empty()
    assert state(scene, record) is State.HELD
    assert results(scene, item) == DONE


def test_other_serials_need_the_issuer_s_name(scene: Scene) -> None:
    record = replace(enrolled(scene), serial="0abc")
    scene.app.store.commit(record)
    name = scene.app.issuer.certificate.subject.text()
    foreign, ours = Item("0ABC", "CN=Somebody else", None), Item("ABC", name.replace("CN=", "cn= "), None)
    scene.fake.revocations.waiting += [foreign, ours]
    empty()
    assert state(scene, record) is State.HELD
    assert (results(scene, foreign), results(scene, ours)) == ([], DONE)


def test_a_former_issuer_is_found_by_what_it_was_told(scene: Scene) -> None:
    record = replace(enrolled(scene), issuer="feedfeedfeedfeed")
    scene.app.store.commit(record)
    scene.fake.revocations.waiting.append(Item(record.serial, "CN=Former", record.issuer))
    empty()
    assert state(scene, record) is State.HELD


def test_an_unknown_serial_is_left_to_others(scene: Scene) -> None:
    item = scene.fake.revocations.add("0C0FFEE5")
    empty()
    assert results(scene, item) == []
    assert scene.fake.acts(UPLOAD) == []
    assert note(scene)["unknown"] == 1


def test_an_unknown_serial_is_said_to_be_so_where_there_are_no_others(fake: FakeIntune) -> None:
    scene = Scene.make(fake, SCEPTER_INTUNE__DEFAULT__SOLE_AUTHORITY="true")
    wiring.use(scene.app)
    items = [fake.revocations.add(serial) for serial in ("0C0FFEE5", "no serial")]
    empty()
    wiring.use(None)
    scene.app.close()
    assert [results(scene, item) for item in items] == [NOT_FOUND, NOT_FOUND]


@pytest.mark.parametrize("names", ["CN=Ours", " CN=Theirs | CN=Ours|"])
def test_issuers_are_asked_for_by_name(fake: FakeIntune, names: str) -> None:
    scene = Scene.make(fake, SCEPTER_INTUNE__DEFAULT__ISSUER_NAMES=names)
    wiring.use(scene.app)
    empty()
    wiring.use(None)
    scene.app.close()
    asked = [call.document["downloadParameters"]["issuerName"] for call in fake.calls if call.act == DOWNLOAD]
    assert asked == [part.strip() for part in names.split("|") if part.strip()]


def test_what_is_revoked_already_is_done(scene: Scene) -> None:
    record = enrolled(scene)
    scene.app.revocations.revoke(record.issuer, record.serial, "superseded", by="ann")
    item = asked_for(scene, record)
    empty()
    assert results(scene, item) == DONE
    assert list(scene.app.event_log.entries()) == []


def test_what_has_ended_is_done(scene: Scene) -> None:
    record = enrolled(scene)
    item = asked_for(scene, record)
    scene.app.now += timedelta(days=366)
    empty()
    assert results(scene, item) == DONE
    assert state(scene, record) is State.GOOD


def test_an_administrator_s_hold_becomes_final(scene: Scene) -> None:
    record = enrolled(scene)
    scene.app.revocations.revoke(record.issuer, record.serial, "certificateHold", by="ann")
    item = asked_for(scene, record)
    empty()
    assert results(scene, item) == DONE
    scene.app.now += timedelta(days=1)
    assert scene.app.holds.finalise() == 1


@pytest.mark.parametrize("vouched_by", ["sealed:demo", "intune:branch-office"])
def test_what_others_vouched_for_is_not_this_tenants_to_revoke(fake: FakeIntune, vouched_by: str) -> None:
    scene = Scene.make(fake, SCEPTER_INTUNE__BRANCH_OFFICE__TENANT="branch.example.org")
    wiring.use(scene.app)
    record = replace(enrolled(scene), serial=f"{'7' * 38}", vouched_by=vouched_by)
    scene.app.store.commit(record)
    item = fake.revocations.add(record.serial, None, record.issuer)
    queue = scene.app._revocation_queues["default"]
    emptied = queue.run()
    wiring.use(None)
    scene.app.close()
    assert (emptied.unknown, results(scene, item)) == (1, [])
    assert state(scene, record) is State.GOOD


def test_what_an_integration_of_another_name_vouched_for_then_is(scene: Scene) -> None:
    record = replace(enrolled(scene), serial=f"{'7' * 38}", vouched_by="intune:former-name")
    scene.app.store.commit(record)
    scene.fake.revocations.add(record.serial, None, record.issuer)
    empty()
    assert state(scene, record) is State.HELD


# At least once, twice, again.


def test_twice_in_one_answer_is_one_event_answered_twice(scene: Scene) -> None:
    scene.fake.revocations.twice = True
    record = enrolled(scene)
    item = asked_for(scene, record)
    empty()
    assert results(scene, item) == DONE * 2
    assert [entry.id for entry in scene.app.event_log.entries("intune")] == [record.serial]
    assert len(list(scene.app.hold_store.all())) == 1


@pytest.mark.parametrize("fault", [Lost(), Unrecorded(), Status(500), Reset()])
def test_an_answer_that_is_not_recorded_is_given_again(scene: Scene, fault: Any) -> None:
    record = enrolled(scene)
    item = asked_for(scene, record)
    scene.fake.script(UPLOAD, fault)
    empty()
    assert state(scene, record) is State.HELD, "the revocation is durable before it is answered"
    assert "problem" in note(scene)
    since = scene.app.store.find(record.issuer, record.serial)
    scene.app.now += timedelta(minutes=4)
    empty()
    assert results(scene, item) == DONE
    assert scene.fake.revocations.waiting == []
    assert scene.app.store.find(record.issuer, record.serial) == since, "nothing was done twice"
    assert [entry.held for entry in scene.app.event_log.entries("intune")] == [1]
    assert "problem" not in note(scene)


@pytest.mark.parametrize("fault", [Status(500), Status(503), Status(403)])
def test_intune_away_is_noted_with_since_when(scene: Scene, fault: Any) -> None:
    empty()
    good_at = note(scene)["goodAt"]
    scene.app.now += timedelta(minutes=4)
    scene.fake.always(fault, DOWNLOAD)
    empty()
    assert note(scene)["goodAt"] == good_at
    assert note(scene)["error"] in ("Unserved", "IntuneUnavailable")


def test_storage_away_answers_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    record = enrolled(scene)
    item = asked_for(scene, record)

    def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("storage is away")

    with monkeypatch.context() as patch:
        patch.setattr(scene.app.store, "set_revocation", away)
        empty()
    assert results(scene, item) == []
    assert note(scene)["problem"] == "storage is away"
    empty()
    assert results(scene, item) == DONE
    assert [(entry.state, entry.held) for entry in scene.app.event_log.entries("intune")] == [
        (EventState.APPLIED, 1)
    ]


# The brake, and what people do.


@pytest.fixture
def braked(fake: FakeIntune) -> Iterator[Scene]:
    scene = Scene.make(fake, SCEPTER_BRAKE_DEVICES="1")
    wiring.use(scene.app)
    yield scene
    wiring.use(None)
    scene.app.close()


def test_above_the_brake_it_is_parked_and_answered_and_released(braked: Scene) -> None:
    records = [enrolled(braked, number, f"CN=dev{number},O=Example") for number in range(3)]
    items = [asked_for(braked, record) for record in records]
    empty()
    assert sorted(state(braked, record) for record in records) == [State.GOOD, State.GOOD, State.HELD]
    assert [results(braked, item) for item in items] == [DONE] * 3, "an administrator has the last word"
    assert len(list(braked.app.parked.all("intune"))) == 2
    assert braked.app.parked.release("intune", 9) == 2
    for message, _ in braked.app.queues["device-events"].sent:
        events.handle_device_event._function.get_user_function()(
            queue_message(json.loads(json.dumps(message)))
        )
    assert {state(braked, record) for record in records} == {State.HELD}


def test_a_parked_item_that_comes_again_is_parked_once(braked: Scene) -> None:
    records = [enrolled(braked, number, f"CN=dev{number},O=Example") for number in range(2)]
    for record in records:
        asked_for(braked, record)
    braked.fake.script(UPLOAD, Unrecorded(), Unrecorded())
    for _ in range(3):
        empty()
    assert len(list(braked.app.parked.all())) == 1
    assert braked.fake.revocations.waiting == []


def test_who_asks_again_after_an_undo_asks_anew(scene: Scene) -> None:
    record = enrolled(scene)
    asked_for(scene, record)
    empty()
    assert [hold.serial for hold in scene.app.holds.undo("intune", scene.app.now)] == [record.serial]
    assert state(scene, record) is State.GOOD
    scene.app.now += timedelta(hours=1)
    item = asked_for(scene, record)
    empty()
    assert state(scene, record) is State.HELD
    assert results(scene, item) == DONE
    assert [entry.id for entry in scene.app.event_log.entries("intune")] == [
        record.serial,
        f"{record.serial}.1",
    ]


def test_a_profile_may_ignore_it_and_says_so(fake: FakeIntune) -> None:
    scene = Scene.make(fake)
    rule = 'events.revocationRequested = { action = "ignore" }'
    scene.app.policy = scene.app.policy.replace(RULE, f"{rule}\n{RULE}")
    wiring.use(scene.app)
    record = enrolled(scene)
    item = asked_for(scene, record)
    empty()
    wiring.use(None)
    scene.app.close()
    assert results(scene, item) == [(False, "NotSupportedError")]
    assert state(scene, record) is State.GOOD
    assert fake.revocations.waiting == []


# Pages.


def test_full_pages_are_followed_by_the_next(scene: Scene) -> None:
    record = enrolled(scene)
    scene.fake.revocations.lease = 60
    scene.app.revocations.revoke(record.issuer, record.serial, "superseded", by="ann")
    items = [asked_for(scene, record) for _ in range(1100)]
    empty()
    assert scene.fake.acts(DOWNLOAD) == [DOWNLOAD] * 3
    assert [results(scene, item) for item in items] == [DONE] * 1100


def test_a_page_of_strangers_does_not_turn_the_timer_round_and_round(scene: Scene) -> None:
    for number in range(500):
        scene.fake.revocations.add(f"{number:04x}")
    empty()
    assert scene.fake.acts(DOWNLOAD) == [DOWNLOAD]
    assert note(scene)["blocked"] is True
