"""The drill of a mass edit: an administrator changes a SCEP profile, and within moments Intune asks for the revocation
of every certificate under it, and every device for a new one. None is lost, none doubled, and the brake brakes."""

from __future__ import annotations

import inspect
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from fakes.microsoft import FakeIntune
from functions import events, intune
from local.azurite import Azurite
from shared import wiring
from shared.ca.authority import CertificateAuthority, Order
from shared.store.memory import MemoryStore
from shared.store.ports import CertificateRecord, Status
from shared.wiring import Application
from tests.ca.stores import template
from tests.functions.application import MemoryApplication, queue_message
from tests.intune.scene import PROFILES, Scene, device_uri, settings_of
from tests.scep.authority import POLICY

AT_ONCE = 6
BRAKE = 100


def device_id(number: int) -> str:
    return f"0d0c0b0a-1111-2222-3333-{number:012x}"


class StoredApplication(MemoryApplication):
    """The application of the tests with its tables in Azurite; what it sends goes to queues in memory."""


for name in (
    *("storage", "records", "supersessions", "_tables", "uses", "outbox", "failure_reports", "_table_outbox"),
    *("devices", "event_log", "parked_events", "hold_store", "brake_counter", "notes", "directory"),
):
    setattr(StoredApplication, name, inspect.getattr_static(Application, name))


def stored(fake: FakeIntune, azurite: Azurite, prefix: str, brake: int) -> Scene:
    storage = {"AzureWebJobsStorage": azurite.connection_string, "SCEPTER_TABLE_PREFIX": prefix}
    app = StoredApplication({**settings_of(fake), **storage}, SCEPTER_BRAKE_DEVICES=str(brake))
    app.policy = POLICY + PROFILES
    app.store = cast("MemoryStore", app.records)
    return Scene(app, fake)


@contextmanager
def in_place(scene: Scene) -> Iterator[Scene]:
    scene.fake.revocations.twice = True  # each item is handed out twice
    wiring.use(scene.app)
    try:
        yield scene
    finally:
        wiring.use(None)
        scene.app.close()


def old_certificates(scene: Scene, count: int) -> list[CertificateRecord]:
    """One for each device, and an item in Intune's queue for each."""
    authority = CertificateAuthority(scene.app.issuer, scene.app.store)
    made = []
    for number in range(count):
        order = Order(f"old-{number}", "intune", "intune:default", device=device_id(number))
        record = authority.issue(template(number % 3), order, now=scene.app.now).record
        scene.fake.revocations.add(record.serial.upper(), configuration=record.issuer)
        made.append(record)
    return made


def re_enrol(scene: Scene, number: int) -> str:
    """A device gets its new certificate, whatever it takes; a third of them send everything twice."""
    device = scene.device(
        f"CN=dev{number},O=Example", sans=[device_uri(device_id(number))], number=number % 3
    )
    for _ in range(60):
        answer = device.send()
        if answer.status_code != 503:
            break
        time.sleep(0.5)
    serial = device.read(answer).certificates[0].serial_hex
    if number % 3 == 0:
        assert device.enrol().serial_hex == serial
    return serial


def empty_until_done(scene: Scene) -> None:
    """What the timer does, until the queue is empty."""
    for _ in range(60):
        intune.empty_revocation_queues._function.get_user_function()(None)
        if not scene.fake.revocations.waiting:
            return
        time.sleep(0.2)
    raise AssertionError(f"{len(scene.fake.revocations.waiting)} items are left")


def mass_edit(scene: Scene, count: int, brake: int) -> None:
    old = old_certificates(scene, count)
    for number in range(3):
        scene.device(number=number)  # keys are made on first use, by one thread
    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        emptying = pool.submit(empty_until_done, scene)
        serials = list(pool.map(lambda number: re_enrol(scene, number), range(count)))
        emptying.result()
    _none_lost_none_doubled(scene, old, serials)
    held = [record for record in records_of(scene, old) if record.status is Status.HELD]
    parked = list(scene.app.parked_events.all())
    assert (len(held), len(parked)) == (min(brake, count), max(0, count - brake))
    answers = [answer for each in scene.fake.revocations.results.values() for answer in each]
    assert len(answers) >= 2 * count
    assert Counter(answer["succeeded"] for answer in answers) == {True: len(answers)}
    _released(scene, len(parked))
    assert Counter(record.status for record in records_of(scene, old)) == {Status.HELD: count}
    _none_lost_none_doubled(scene, old, serials)


def records_of(scene: Scene, wanted: list[CertificateRecord]) -> list[CertificateRecord]:
    found = [scene.app.store.find(record.issuer, record.serial) for record in wanted]
    return [record for record in found if record is not None]


def _none_lost_none_doubled(scene: Scene, old: list[CertificateRecord], serials: list[str]) -> None:
    assert len(records_of(scene, old)) == len(set(serials)) == len(serials) == len(old)
    every = Counter(record.device for record in scene.records)
    assert set(every.values()) == {2}, "the old one and the new one"
    assert len(every) == len(old)
    fresh = [record for record in scene.records if record.serial in set(serials)]
    assert {record.status for record in fresh} == {Status.GOOD}
    assert sorted(each.lower() for each in set(scene.certificates_of_intune)) == sorted(serials)


def _released(scene: Scene, count: int) -> None:
    """An administrator lets go what was parked."""
    sent = scene.app.queues["device-events"].sent
    before, released = len(sent), 0
    while more := scene.app.parked.release("intune", 200):
        released += more
    assert released == count
    for message, _ in list(sent)[before:]:
        events.handle_device_event._function.get_user_function()(
            queue_message(json.loads(json.dumps(message)))
        )


@pytest.mark.parametrize("brake", [5, 1000])
def test_forty_at_once(fake: FakeIntune, brake: int) -> None:
    with in_place(Scene.make(fake, SCEPTER_BRAKE_DEVICES=str(brake))) as scene:
        mass_edit(scene, 40, brake)


@pytest.mark.azurite
def test_forty_at_once_over_storage(fake: FakeIntune, azurite: Azurite, unique_name: str) -> None:
    with in_place(stored(fake, azurite, unique_name, 5)) as scene:
        mass_edit(scene, 40, 5)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("brake", [BRAKE, 10_000])
def test_two_thousand_at_once(fake: FakeIntune, brake: int) -> None:
    with in_place(Scene.make(fake, SCEPTER_BRAKE_DEVICES=str(brake))) as scene:
        mass_edit(scene, 2000, brake)


@pytest.mark.long
@pytest.mark.azurite
@pytest.mark.timeout(3000)
def test_two_thousand_at_once_over_storage(fake: FakeIntune, azurite: Azurite, unique_name: str) -> None:
    with in_place(stored(fake, azurite, unique_name, BRAKE)) as scene:
        mass_edit(scene, 2000, BRAKE)
