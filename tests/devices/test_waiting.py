"""An enrolment that waits for approval is denied when its device is wiped, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from shared.policy.profiles import Profiles
from shared.store.memory_pending import MemoryPendingRequests
from shared.store.pending import Decision, PendingRequest, Verdict
from tests.contracts.examples import pending
from tests.devices.site import DAY, GUID, HOUR, Site

POLICY = """
version = 1
[profiles.device]
title = "x"
holder = "device"
challenge = "sealed"
approval = true
key_usage = { allowed = ["digitalSignature"] }
validity = 365
[profiles.calm]
title = "x"
holder = "device"
challenge = "sealed"
approval = true
key_usage = { allowed = ["digitalSignature"] }
validity = 365
events.wiped = { action = "ignore" }
"""


class Waiting(Site):
    def __init__(self) -> None:
        super().__init__(policy=POLICY)
        self.requests = MemoryPendingRequests()
        self.profiles = Profiles.parse(POLICY)
        self.events = self.service(waiting=self.requests)

    def ask(self, **changes: Any) -> PendingRequest:
        usual: dict[str, Any] = {
            "profile": "device",
            "device": GUID.upper(),
            "requested_at": self.now,
            "challenge_minted_at": None,
            "verdict": None,
            "patience": 7 * DAY,
        }
        request = pending(**usual | changes)
        self.requests.create(request)
        return request

    def state(self, request: PendingRequest) -> str:
        found = self.requests.find(request.id)
        assert found is not None
        return found.state


@pytest.fixture
def site() -> Waiting:
    return Waiting()


def test_what_a_wiped_device_asked_for_is_denied(site: Waiting) -> None:
    request = site.ask()
    site.tell("wiped", id="w")
    found = site.requests.find(request.id)
    assert found is not None
    assert found.verdict == Verdict(Decision.DENIED, "event:generic", site.now, "wiped w")


def test_what_was_approved_and_not_collected_is_denied_too(site: Waiting) -> None:
    request = site.ask()
    site.requests.decide(
        site.requests.find(request.id) or request, Verdict(Decision.APPROVED, "ann", site.now)
    )
    site.tell("lost")
    assert site.state(request) == "denied"


@pytest.mark.parametrize(
    "changes", [{"device": "another"}, {"profile": "calm"}, {"profile": "gone"}], ids=lambda each: str(each)
)
def test_what_it_does_not_mean_goes_on_waiting(site: Waiting, changes: dict[str, str]) -> None:
    request = site.ask(**changes)
    site.tell("wiped")
    assert site.state(request) == "pending"


@pytest.mark.parametrize("kind", ["disabled", "enabled", "noncompliant"])
def test_what_does_not_revoke_denies_nothing(site: Waiting, kind: str) -> None:
    request = site.ask()
    site.tell(kind)
    assert site.state(request) == "pending"


def test_a_request_after_the_event_waits_unless_its_challenge_is_older(site: Waiting) -> None:
    wiped_at = site.now
    site.now += HOUR
    fresh = site.ask(transaction_id="fresh", identity="1", challenge_minted_at=site.now)
    ghost = site.ask(transaction_id="ghost", identity="2", challenge_minted_at=wiped_at)
    site.tell("wiped", occurred_at=wiped_at)
    assert (site.state(fresh), site.state(ghost)) == ("pending", "denied")
