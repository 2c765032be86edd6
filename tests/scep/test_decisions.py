"""Approval as administrators see it: what waits, yes and no, and the end of what is over."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from shared.errors import UnknownCertificate
from shared.scep.message import PKIStatus
from shared.store.pending import Decision
from tests.scep.authority import DAY, STATIC_SECRET, World
from tests.scep.pending_device import PendingDevice, certificate, decide, verdict


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def device(world: World) -> PendingDevice:
    device = PendingDevice(world)
    device.submit()
    return device


def test_what_waits_is_listed_until_it_is_over(world: World, device: PendingDevice) -> None:
    other = PendingDevice(world, profile="approved-static", challenge=STATIC_SECRET, subject="CN=b")
    other.submit()
    assert [request.profile for request in world.decisions.all(world.now)] == ["approved", "approved-static"]
    world.now += 3 * DAY
    assert [request.profile for request in world.decisions.all(world.now)] == ["approved-static"]


@pytest.mark.parametrize("decision", Decision)
def test_a_decision_names_who_made_it_and_is_kept_when_it_is_made_again(
    world: World, device: PendingDevice, decision: Decision, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        first = decide(world, device.request, decision, by="ann")
    assert f"request {first.id} {decision} by ann" in caplog.text
    world.now += timedelta(hours=1)
    assert decide(world, first, decision, by="ben") == first
    assert device.request == first


def test_a_decision_may_be_changed_until_its_device_came(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.APPROVED)
    assert decide(world, device.request, Decision.DENIED, by="ben").state == "denied"
    assert device.poll().status is PKIStatus.FAILURE
    decide(world, device.request, Decision.APPROVED)
    assert device.poll().status is PKIStatus.SUCCESS


def test_a_denial_that_comes_too_late_is_told_what_was_issued(world: World, device: PendingDevice) -> None:
    assert world.decisions.serial(device.request) == ""
    approved = decide(world, device.request, Decision.APPROVED)
    assert world.decisions.serial(approved) == ""
    issued = certificate(device.poll())
    denied = decide(world, device.request, Decision.DENIED)
    assert world.decisions.serial(denied) == issued.serial_hex
    assert device.poll().status is PKIStatus.FAILURE


@pytest.mark.parametrize("identifier", ["", "approved", "approved.", f"approved.{'0' * 24}", "../x"])
def test_what_is_not_there_cannot_be_decided(world: World, device: PendingDevice, identifier: str) -> None:
    with pytest.raises(UnknownCertificate) as refused:
        world.decisions.decide(identifier, verdict(Decision.APPROVED, world.now))
    assert refused.value.public == "No such request is waiting."
    assert device.request.verdict is None


def test_what_is_over_cannot_be_decided(world: World, device: PendingDevice) -> None:
    request = device.request
    world.now += 3 * DAY
    with pytest.raises(UnknownCertificate):
        decide(world, request, Decision.APPROVED)


def test_only_what_is_over_is_purged(world: World, device: PendingDevice) -> None:
    world.now += DAY
    approved = PendingDevice(world, number=1, transaction_id="transaction-2")
    approved.submit()
    world.now += 2 * DAY - timedelta(seconds=1)
    decide(world, approved.request, Decision.APPROVED)
    assert world.decisions.purge(world.now) == 0
    world.now += timedelta(seconds=1)
    assert world.decisions.purge(world.now) == 1
    assert [request.id for request in world.requests.all()] == [approved.request.id]
    world.now += 3 * DAY
    assert (world.decisions.purge(world.now), list(world.requests.all())) == (1, [])
    assert world.decisions.purge(world.now) == 0
