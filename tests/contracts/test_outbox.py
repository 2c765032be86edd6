"""Outbox and FailureReports: what waits to be reported is decided on once, whoever decides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import Conflict, IssuanceFault, MalformedMessage
from shared.store.outbox import Unreported
from tests.contracts import examples
from tests.contracts.backend import Backend, BothOutboxes


def found(outbox: BothOutboxes, serial: str = examples.serial()) -> Unreported:
    unreported = outbox.lookup(examples.ISSUER, serial)
    assert unreported is not None
    return unreported


def test_what_is_expected_comes_back_as_it_went_with_an_etag(outbox: BothOutboxes) -> None:
    stored = outbox.expect(examples.unreported())
    assert stored == examples.unreported() == found(outbox)
    assert stored.etag == found(outbox).etag != ""
    assert list(outbox.waiting()) == [stored]


def test_nothing_waits_where_nothing_was_put(outbox: BothOutboxes) -> None:
    assert outbox.lookup(examples.ISSUER, examples.serial()) is None
    assert (list(outbox.waiting()), list(outbox.reports())) == ([], [])


def test_a_serial_waits_once(outbox: BothOutboxes) -> None:
    """Storage may carry an insert out without being able to say so: the next try is told by Conflict."""
    outbox.expect(examples.unreported())
    with pytest.raises(Conflict):
        outbox.expect(examples.unreported(identity="challenge-2"))
    assert found(outbox) == examples.unreported()


def test_issuers_and_serials_keep_apart(outbox: BothOutboxes) -> None:
    serials = [examples.serial(number=number) for number in range(40)]
    for serial in serials:
        outbox.expect(examples.unreported(serial=serial))
        outbox.expect(examples.unreported(serial=serial, issuer="other"))
    assert sorted(each.serial for each in outbox.waiting()) == sorted(serials * 2)
    assert {found(outbox, serial).issuer for serial in serials} == {examples.ISSUER}


def test_settling_strikes_off_and_may_be_repeated(outbox: BothOutboxes) -> None:
    stored = outbox.expect(examples.unreported())
    for _ in range(2):
        outbox.settle(stored)
        assert outbox.lookup(examples.ISSUER, examples.serial()) is None
    assert outbox.expect(examples.unreported()) == examples.unreported()


def test_what_was_condemned_is_not_settled_by_who_does_not_know(outbox: BothOutboxes) -> None:
    stored = outbox.expect(examples.unreported())
    condemned = outbox.condemn(found(outbox))
    assert condemned == replace(stored, condemned=True) == found(outbox)
    assert condemned.etag == found(outbox).etag != stored.etag
    with pytest.raises(Conflict):
        outbox.settle(stored)
    with pytest.raises(Conflict):
        outbox.condemn(stored)
    outbox.settle(condemned)
    assert list(outbox.waiting()) == []


def test_what_is_settled_cannot_be_condemned(outbox: BothOutboxes) -> None:
    stored = outbox.expect(examples.unreported())
    outbox.settle(stored)
    with pytest.raises(Conflict):
        outbox.condemn(stored)
    assert list(outbox.waiting()) == []


@pytest.mark.parametrize("act", ["condemn", "settle"])
def test_what_was_not_read_is_not_changed(outbox: BothOutboxes, act: str) -> None:
    outbox.expect(examples.unreported())
    with pytest.raises(IssuanceFault):
        getattr(outbox, act)(examples.unreported())
    assert found(outbox) == examples.unreported()


def test_sixteen_threads_decide_and_one_is_heard(backend: Backend) -> None:
    stored = backend.outbox().expect(examples.unreported())

    def attempt(_: int) -> bool:
        try:
            backend.outbox().condemn(stored)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(attempt, range(16))).count(True) == 1
    assert found(backend.outbox()).condemned


def test_a_failure_comes_back_as_it_went_and_is_dropped(outbox: BothOutboxes) -> None:
    outbox.add(examples.failure())
    assert list(outbox.reports()) == [examples.failure()]
    for _ in range(2):
        outbox.drop(examples.failure())
        assert list(outbox.reports()) == []


def test_the_last_failure_of_a_request_counts(outbox: BothOutboxes) -> None:
    later = examples.failure(result=5, description="later", due_at=examples.NOW + timedelta(hours=1))
    for report in (examples.failure(), later, examples.failure(transaction_id="transaction-2")):
        outbox.add(report)
    assert sorted(each.description for each in outbox.reports()) == ["later", "the vault is away"]


@pytest.mark.parametrize("awkward", examples.AWKWARD_IDS, ids=lambda text: ascii(text)[:20])
def test_awkward_ids_are_kept(outbox: BothOutboxes, awkward: str) -> None:
    unreported = examples.unreported(issuer=awkward, serial=awkward, owner=awkward, identity=awkward)
    outbox.expect(unreported)
    assert outbox.lookup(awkward, awkward) == unreported
    report = examples.failure(integration=awkward, transaction_id=awkward, identity=awkward)
    outbox.add(report)
    assert list(outbox.reports()) == [report]


@pytest.mark.parametrize("changes", [{"request": bytes(64 * 1024 + 1)}, {"description": "\ud800"}])
def test_a_failure_that_cannot_be_kept_is_refused(outbox: BothOutboxes, changes: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        outbox.add(examples.failure(**changes))
    assert list(outbox.reports()) == []


def test_certificates_and_failures_do_not_mix(outbox: BothOutboxes) -> None:
    outbox.expect(examples.unreported())
    outbox.add(examples.failure())
    assert (list(outbox.waiting()), list(outbox.reports())) == ([examples.unreported()], [examples.failure()])


def test_a_request_does_not_show() -> None:
    assert "sealed" not in repr(examples.failure())
