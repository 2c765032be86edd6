"""Keys that are made on an order: events reach what was ordered before them, whenever it is made."""

from __future__ import annotations

from datetime import timedelta

from shared.devices.event import DeviceEvent
from shared.devices.plan import TOLERANCE, plan, reach, sweep_again_at
from shared.policy.events import EventType
from shared.policy.profiles import Profiles
from tests.contracts.examples import claim
from tests.pfx.world import POLICY
from tests.scep.authority import NOW

PROFILES = Profiles.parse(POLICY).profiles
MINUTE = timedelta(minutes=1)


def event(kind: EventType) -> DeviceEvent:
    return DeviceEvent("generic", "event-1", kind, NOW, ("device:dev1",))


def test_an_event_comes_back_when_no_order_of_before_can_be_served_any_more() -> None:
    ordered = {name: profile for name, profile in PROFILES.items() if profile.challenge == "pkcs"}
    wiped = event(EventType.WIPED)
    assert sweep_again_at(wiped, ordered) == NOW + timedelta(hours=24) + TOLERANCE
    assert sweep_again_at(event(EventType.NONCOMPLIANT), ordered) is None


def test_what_was_ordered_before_and_made_after_is_reached() -> None:
    late = claim(identity="pkcs:mdm:1:1", profile="mail", claimed_at=NOW + timedelta(hours=3))
    before = [claim(identity="a", claimed_at=late.claimed_at, challenge_minted_at=NOW - MINUTE)]
    after = [claim(identity="b", claimed_at=late.claimed_at, challenge_minted_at=NOW + 10 * MINUTE)]
    assert reach(before + after, NOW) == before
    effects = plan(event(EventType.WIPED), before, PROFILES, bulk=False, now=late.claimed_at)
    assert [effect.act for effect in effects] == ["revoke"]
