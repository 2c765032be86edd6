"""What SCEP notes of an exchange: every step in its order, who and what, and never anything secret."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict

import pytest

from shared.scep.client import Requester
from shared.store.traces import Trace
from tests.record.world import traced
from tests.scep.authority import STATIC_SECRET, World, csr, key, self_signed

DAY = 24 * 3600


@pytest.fixture
def world() -> World:
    return World()


def steps(trace: Trace) -> list[str]:
    return [step.name for step in trace.steps]


def test_a_first_enrolment(world: World) -> None:
    trace = traced(world, csr(challenge=world.challenge()), self_signed(), transaction_id="the-id")
    assert steps(trace) == [
        *("parse", "verify", "open", "request", "renewal", "challenge", "policy", "issue", "reply")
    ]
    assert {step.outcome for step in trace.steps} == {"ok"}
    assert (trace.transaction, trace.operation, trace.status) == ("the-id", "PKCSReq", "SUCCESS")
    assert (trace.subject, trace.device, trace.user) == ("CN=dev1,O=Example", "dev1", "")
    assert world.store.find(world.issuer.id, trace.serial) is not None
    assert trace.milliseconds >= sum(step.milliseconds for step in trace.steps) > 0


def test_a_user(world: World) -> None:
    order = {"profile": "user", "device": "dev1", "user": "ann@example.org"}
    challenge = world.challenge("CN=ann", **order)
    trace = traced(world, csr("CN=ann", challenge=challenge), self_signed(), profile="user")
    assert (trace.device, trace.user, trace.status) == ("dev1", "ann@example.org", "SUCCESS")


def test_a_renewal_needs_no_challenge_and_knows_its_device(world: World) -> None:
    reply = world.send(csr(challenge=world.challenge()), self_signed())
    world.now = reply.certificates[0].not_after.replace(hour=0)
    world.now -= world.profile().life / 10
    trace = traced(world, csr(number=1), Requester(reply.certificates[0], key(0)))
    assert "challenge" not in steps(trace)
    assert (trace.status, trace.device) == ("SUCCESS", "dev1")


def test_a_refusal_ends_at_its_step_and_the_reply_still_goes(world: World) -> None:
    trace = traced(world, csr("CN=dev2,O=Example", challenge=world.challenge()), self_signed())
    assert steps(trace)[-2:] == ["challenge", "reply"]
    assert trace.steps[-2].outcome == trace.error == "ChallengeRejected"
    assert (trace.status, trace.fail_info, trace.serial) == ("FAILURE", "BAD_REQUEST", "")
    assert "promised" in trace.cause
    assert trace.device == "dev1"  # as soon as the challenge says so


def test_what_does_not_verify_is_traced_too(world: World) -> None:
    trace = traced(world, csr(challenge=world.challenge()), Requester(self_signed(0).certificate, key(1)))
    assert (trace.status, trace.fail_info) == ("FAILURE", "BAD_MESSAGE_CHECK")
    assert steps(trace) == ["parse", "verify", "reply"]


@pytest.mark.parametrize("subject", ["CN=dev1,O=Example", "CN=dev2,O=Example", "CN=UPPER"])
@pytest.mark.parametrize("profile", ["device", "static"])
@pytest.mark.parametrize("kind", ["sealed", "static", "wrong"])
def test_no_trace_holds_a_secret(world: World, subject: str, profile: str, kind: str) -> None:
    sealed = world.challenge()
    challenge = {"sealed": sealed, "static": STATIC_SECRET, "wrong": f"{STATIC_SECRET}-x"}[kind]
    request = csr(subject, challenge=challenge)
    told = json.dumps(asdict(traced(world, request, self_signed(), profile=profile)), default=str)
    assert challenge not in told
    assert challenge[10:40] not in told
    for form in (request.hex(), base64.b64encode(request).decode()):
        assert form[:60] not in told
