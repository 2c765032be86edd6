"""PendingRequests: requests that wait for an administrator, each once, found by what a poll carries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import Conflict, IssuanceFault, MalformedMessage
from shared.store.pending import Decision, PendingRequest, PendingRequests, request_id
from tests.contracts import examples
from tests.contracts.backend import Backend

DENIED = examples.verdict(decision=Decision.DENIED, note="")


def created(pending: PendingRequests, **changes: object) -> PendingRequest:
    request = examples.pending(**changes)
    pending.create(request)
    found = pending.find(request.id)
    assert found is not None
    return found


def test_a_request_comes_back_as_it_went_with_an_etag(pending: PendingRequests) -> None:
    found = created(pending)
    assert found == examples.pending()
    assert found.etag
    assert found.state == "pending"
    assert pending.holder("device", "challenge-1") == found.id


def test_a_sparse_request_comes_back_as_it_went(pending: PendingRequests) -> None:
    sparse = {"device": "", "user": "", "challenge_minted_at": None, "subject": b"\x30\x00"}
    assert created(pending, **sparse) == examples.pending(**sparse)


def test_nothing_is_found_where_nothing_is(pending: PendingRequests) -> None:
    assert pending.find(examples.pending().id) is None
    assert pending.holder("device", "challenge-1") is None
    assert list(pending.all()) == []


@pytest.mark.parametrize("identifier", ["", ".", "device", "device.", "device.0", "a/b.c", "x" * 2000])
def test_what_is_no_id_is_not_found(pending: PendingRequests, identifier: str) -> None:
    created(pending)
    assert pending.find(identifier) is None


@pytest.mark.parametrize(
    "changes",
    [{"identity": "challenge-2"}, {"transaction_id": "transaction-2"}, {"signer_key_hash": "ef" * 32}, {}],
    ids=["same id", "same identity", "same identity with another key", "the same"],
)
def test_what_waits_does_not_wait_again(pending: PendingRequests, changes: dict[str, object]) -> None:
    first = created(pending)
    with pytest.raises(Conflict):
        pending.create(examples.pending(subject=b"other", **changes))
    assert list(pending.all()) == [first]
    assert pending.holder("device", "challenge-2") is None


def test_profiles_do_not_share_requests(pending: PendingRequests) -> None:
    requests = [created(pending, profile=profile) for profile in ("a", "a-b", "b")]
    assert list(pending.all()) == requests
    assert len({request.id for request in requests}) == 3


def test_sixteen_threads_submit_one_identity_and_one_waits(backend: Backend) -> None:
    requests = [examples.pending(transaction_id=f"transaction-{number}") for number in range(16)]

    def attempt(request: PendingRequest) -> PendingRequest | None:
        try:
            backend.pending().create(request)
        except Conflict:
            return None
        return request

    with ThreadPoolExecutor(16) as threads:
        winners = [request for request in threads.map(attempt, requests) if request is not None]
    assert len(winners) == 1
    assert list(backend.pending().all()) == winners
    assert backend.pending().holder("device", "challenge-1") == winners[0].id


def test_a_verdict_is_merged_and_returned_as_stored(pending: PendingRequests) -> None:
    request = created(pending)
    decided = pending.decide(request, examples.verdict())
    assert decided == replace(request, verdict=examples.verdict())
    assert decided.state == "approved"
    assert decided.etag != request.etag
    assert pending.find(request.id) == decided
    again = pending.decide(decided, DENIED)
    assert (again.state, pending.find(request.id)) == ("denied", again)


def test_a_verdict_gives_a_request_its_patience_once_more(pending: PendingRequests) -> None:
    request = created(pending, patience=timedelta(days=7))
    assert request.ends_at == examples.NOW + timedelta(days=7)
    assert pending.decide(request, examples.verdict()).ends_at == examples.NOW + timedelta(days=7, hours=1)


def test_sixteen_threads_decide_and_exactly_one_is_heard(backend: Backend) -> None:
    request = created(backend.pending())

    def attempt(number: int) -> int | None:
        try:
            backend.pending().decide(request, examples.verdict(by=f"admin:{number}"))
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(16) as threads:
        heard = [number for number in threads.map(attempt, range(16)) if number is not None]
    assert len(heard) == 1
    found = backend.pending().find(request.id)
    assert found is not None
    assert found.verdict == examples.verdict(by=f"admin:{heard[0]}")


def test_a_request_that_is_gone_is_not_decided(pending: PendingRequests) -> None:
    request = created(pending)
    pending.forget(request)
    with pytest.raises(Conflict):
        pending.decide(request, examples.verdict())
    assert list(pending.all()) == []


def test_a_request_that_was_not_read_is_not_decided(pending: PendingRequests) -> None:
    created(pending)
    with pytest.raises(IssuanceFault):
        pending.decide(examples.pending(), examples.verdict())


def test_what_is_forgotten_may_come_again(pending: PendingRequests) -> None:
    other = created(pending, transaction_id="transaction-2", identity="challenge-2")
    for _ in range(2):
        request = created(pending)
        for _ in range(2):
            pending.forget(request)
        assert list(pending.all()) == [other]
        assert pending.holder("device", "challenge-1") is None


@pytest.mark.parametrize("awkward", examples.AWKWARD_IDS, ids=lambda text: ascii(text)[:20])
def test_awkward_ids_are_kept(pending: PendingRequests, awkward: str) -> None:
    request = created(pending, transaction_id=awkward, identity=awkward, device=awkward)
    assert request == examples.pending(transaction_id=awkward, identity=awkward, device=awkward)
    assert pending.holder("device", awkward) == request.id
    assert request.id == request_id("device", awkward, "cd" * 32)
    assert list(pending.all()) == [request]


def test_awkward_ids_do_not_meet(pending: PendingRequests) -> None:
    for awkward in examples.AWKWARD_IDS:
        created(pending, transaction_id=awkward, identity=awkward)
    assert sorted(request.identity for request in pending.all()) == sorted(examples.AWKWARD_IDS)


@pytest.mark.parametrize("changes", [{"extensions": bytes(64 * 1024 + 1)}, {"device": "\ud800"}])
def test_what_cannot_be_kept_is_refused(pending: PendingRequests, changes: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        pending.create(examples.pending(**changes))
    assert list(pending.all()) == []


def test_a_note_that_cannot_be_kept_is_refused(pending: PendingRequests) -> None:
    request = created(pending)
    with pytest.raises(MalformedMessage):
        pending.decide(request, examples.verdict(note="x" * 40_000))
    assert pending.find(request.id) == request


def test_an_unconfirmed_request_meets_itself(pending: PendingRequests) -> None:
    """Storage may carry an insert out without being able to say so: the next try is told by Conflict."""
    request = created(pending)
    with pytest.raises(Conflict):
        pending.create(examples.pending())
    assert pending.find(request.id) == request
