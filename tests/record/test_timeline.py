"""One exchange as it is noted: steps, facts, the end; and nothing that storage or a terminal cannot take."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest

from shared.errors import IntegrityFailure, PolicyViolation, StoreUnavailable
from shared.record.timeline import TransactionTimeline
from shared.store.traces import Trace

NOW = datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC)


def timeline(**circumstances: str) -> TransactionTimeline:
    """One whose clock goes on by 10 ms whenever it is asked."""
    ticks = count()
    given = {"profile": "device", "source": "198.51.100.7", "agent": "a client", **circumstances}
    made = TransactionTimeline(NOW, clock=lambda: next(ticks) / 100, **given)
    made.note("transaction", "t1")
    return made


def finished(running: TransactionTimeline) -> Trace:
    trace = running.finish()
    assert trace is not None
    return trace


def test_steps_are_timed_in_their_order() -> None:
    running = timeline()
    with running.step("parse"):
        pass
    with running.step("verify"):
        pass
    trace = finished(running)
    assert [(step.name, step.milliseconds, step.outcome) for step in trace.steps] == [
        ("parse", 10, "ok"),
        ("verify", 10, "ok"),
    ]
    assert (trace.at, trace.milliseconds) == (NOW, 50)


def test_a_step_names_the_error_that_left_it_and_lets_it_pass() -> None:
    running = timeline()
    with pytest.raises(PolicyViolation), running.step("policy"):
        raise PolicyViolation("too much")
    assert finished(running).steps[0].outcome == "PolicyViolation"


def test_facts_come_as_they_become_known_and_the_last_word_counts() -> None:
    running = timeline()
    running.note("operation", "19")
    for device in ("LAPTOP-0", "LAPTOP-1"):
        running.note("device", device)
    running.note("serial", "00FF")
    running.note("status", "SUCCESS")
    trace = finished(running)
    assert (trace.transaction, trace.operation, trace.device, trace.serial, trace.status) == (
        *("t1", "PKCSReq", "laptop-1", "00ff"),
        "SUCCESS",
    )
    assert (trace.profile, trace.source, trace.agent) == ("device", "198.51.100.7", "a client")
    assert (trace.fail_info, trace.error, trace.cause) == ("", "", "")


def test_an_operation_without_a_name_keeps_its_number() -> None:
    running = timeline()
    running.note("operation", "99")
    assert finished(running).operation == "99"


def test_a_refusal_is_told_with_its_reason() -> None:
    running = timeline()
    running.note("status", "SUCCESS")
    running.refused(IntegrityFailure("the precise reason", public="no"), "BAD_MESSAGE_CHECK")
    trace = finished(running)
    assert (trace.status, trace.fail_info) == ("FAILURE", "BAD_MESSAGE_CHECK")
    assert (trace.error, trace.cause) == ("IntegrityFailure", "the precise reason")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (StoreUnavailable("claim: storage is away"), "claim: storage is away"),
        (ValueError("the CSR: ..."), ""),
    ],
)
def test_an_exchange_without_reply_is_an_error_and_of_others_errors_only_the_kind_is_told(
    error: Exception, cause: str
) -> None:
    running = timeline()
    running.broken(error)
    trace = finished(running)
    assert (trace.status, trace.error, trace.cause) == ("ERROR", type(error).__name__, cause)


def test_what_names_no_transaction_is_no_trace() -> None:
    running = timeline()
    running.note("transaction", "")
    assert running.finish() is None


def test_strangers_texts_are_cut_and_made_printable() -> None:
    running = timeline(agent="\x1b[31mred\n\ud800")
    running.note("subject", "x" * 60_000)
    running.refused(PolicyViolation("y" * 60_000 + "\x00"), "BAD_REQUEST")
    trace = finished(running)
    assert trace.agent == "?[31mred??"
    assert (len(trace.subject), len(trace.cause)) == (512, 1024)


def test_steps_have_an_end() -> None:
    running = timeline()
    for _ in range(1000):
        with running.step("loop"):
            pass
    assert len(finished(running).steps) == 40


def test_two_exchanges_of_one_moment_are_two() -> None:
    assert finished(timeline()).mark != finished(timeline()).mark
