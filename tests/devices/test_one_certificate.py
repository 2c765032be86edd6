"""An event of one certificate: it passes rules, brake and log like every other, and reaches nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.devices.document import parse_document
from shared.devices.event import CertificateId, DeviceEvent
from shared.devices.outcome import Outcome
from shared.devices.service import Delivery
from shared.errors import MalformedMessage, UnknownCertificate
from shared.policy.events import EventType
from shared.policy.problems import PolicyFileError
from shared.policy.profiles import Profiles
from shared.revocation.brake import BrakeLimits
from shared.store.devices import EventState
from shared.store.ports import CertificateRecord, Status
from tests.devices.site import DAY, GUID, HOUR, MINUTE, POLICY, Site
from tests.scep.authority import NOW


@pytest.fixture
def site() -> Site:
    return Site()


def delivery(site: Site, record: CertificateRecord, *, source: str = "intune", **more: Any) -> Delivery:
    one = CertificateId(record.issuer, record.serial)
    identifier = more.pop("id", record.serial)
    event = DeviceEvent(source, identifier, EventType.REVOCATION_REQUESTED, site.now, (), one)
    return Delivery(event, lambda: {"id": identifier}, site.now, **more)


def ask(site: Site, record: CertificateRecord, **more: Any) -> Outcome:
    return site.events.handle(delivery(site, record, **more))


def test_only_that_one_is_reached_and_it_is_held_first(site: Site) -> None:
    old, new = site.issue(), site.issue()
    outcome = ask(site, old)
    assert (outcome.state, outcome.held) == (EventState.APPLIED, 1)
    assert [site.status(record) for record in (old, new)] == [Status.HELD, Status.GOOD]
    site.now += DAY
    assert site.holds.finalise() == 1
    assert site.reason(old) == "cessationOfOperation"
    assert site.status(new) is Status.GOOD


def test_it_is_on_record_under_its_owner(site: Site) -> None:
    ask(site, site.issue())
    assert (site.entry().owner, site.entry().type) == (f"device:{GUID}", "revocationRequested")


def test_it_never_comes_back_for_what_is_enrolled_later(site: Site) -> None:
    record = site.issue(minted_at=site.now)
    ask(site, record)
    assert site.queue.sent == []


def test_a_repeat_does_nothing_and_says_what_became_of_it(site: Site) -> None:
    record = site.issue()
    first = ask(site, record)
    assert ask(site, record) == first
    assert len(list(site.hold_store.all())) == 1


def test_above_the_brake_it_is_parked_whole_and_released(site: Site) -> None:
    site = Site(limits=BrakeLimits(1, 5, HOUR))
    first, second = site.issue("device-1"), site.issue("device-2")
    assert ask(site, first).state is EventState.APPLIED
    assert ask(site, second).state is EventState.PARKED
    assert [event.owner for event in site.parked.all("intune")] == ["device:device-2"]
    assert ask(site, second, released=True).held == 1


def test_several_certificates_of_a_device_count_once() -> None:
    site = Site(limits=BrakeLimits(1, 5, HOUR))
    states = [ask(site, site.issue()).state for _ in range(3)]
    assert states == [EventState.APPLIED] * 3


def test_what_is_not_on_record_is_said_so(site: Site) -> None:
    record = site.issue()
    one = CertificateId(record.issuer, "00" + record.serial[2:])
    event = DeviceEvent("intune", "x", EventType.REVOCATION_REQUESTED, site.now, (), one)
    with pytest.raises(UnknownCertificate):
        site.events.handle(Delivery(event, dict, site.now))
    assert list(site.log.entries()) == []


def test_a_preview_does_nothing(site: Site) -> None:
    record = site.issue()
    outcome, effects = site.events.preview(delivery(site, record).event)
    assert (outcome.held, [effect.claim.serial for effect in effects]) == (1, [record.serial])
    assert site.status(record) is Status.GOOD


def test_a_profile_may_have_its_own_rule() -> None:
    rule = 'events.revocationRequested = { action = "revoke", reason = "superseded" }'
    site = Site(
        policy=POLICY.replace(
            "[profiles.printer]", f"{rule}\nevents.bulk_grace_hours = 0\n[profiles.printer]"
        )
    )
    record = site.issue()
    assert ask(site, record).revoked == 1
    assert site.reason(record) == "superseded"


def test_it_cannot_wait() -> None:
    rule = 'events.revocationRequested = { action = "revoke", after_hours = 3 }'
    with pytest.raises(PolicyFileError, match="told at once"):
        Profiles.parse(POLICY.replace("[profiles.printer]", f"{rule}\n[profiles.printer]"))


BODY = '{{"id": "a", "type": "{type}", "occurredAt": "2026-11-21T12:00:00Z"{more}}}'
ONE = ', "certificate": {"issuer": "0123456789abcdef", "serial": "0c0ffee5"}'


def test_the_document_of_one(site: Site) -> None:
    body = BODY.format(type="revocationRequested", more=ONE).encode()
    event = parse_document(body, source="helpdesk").event(NOW)
    assert event.certificate == CertificateId("0123456789abcdef", "0c0ffee5")
    assert event.owners == ()
    other = parse_document(body.replace(b"ffee5", b"ffee6")).event(NOW)
    assert event.digest != other.digest


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("revocationRequested", ""),
        ("revocationRequested", ', "device": {"id": "x"}'),
        ("wiped", ONE),
        ("wiped", ONE + ', "device": {"id": "x"}'),
        ("revocationRequested", ONE.replace("0c0ffee5", "0C0FFEE5")),
        ("revocationRequested", ONE.replace("0123456789abcdef", "our-ca")),
    ],
)
def test_a_certificate_goes_with_its_type_alone(kind: str, more: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_document(BODY.format(type=kind, more=more).encode())


def test_good_news_in_time_speaks_against_what_waits(site: Site) -> None:
    record = site.issue()
    missing = site.delivery("missing", id="m")
    site.events.handle(missing)
    site.now += HOUR
    site.tell("enabled", id="found")
    site.now += 72 * HOUR
    again = Delivery(missing.event, missing.message, NOW, run=2)
    assert site.events.handle(again).revoked == 0
    assert site.status(record) is Status.GOOD


@pytest.mark.parametrize(("kind", "source"), [("disabled", "generic"), ("enabled", "careful")])
def test_other_news_does_not(site: Site, kind: str, source: str) -> None:
    site.issue()
    missing = site.delivery("missing", id="m")
    site.events.handle(missing)
    site.now += MINUTE
    site.tell(kind, id="other", source=source)
    site.now += 72 * HOUR
    assert site.events.handle(Delivery(missing.event, missing.message, NOW, run=2)).revoked == 1
