"""Several workers, and workers that die: one claim ends as one certificate, and everybody gets that one."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial

import pytest

from shared.ca.authority import Issued, Order
from shared.errors import ChallengeRejected, Conflict, KeyUnavailable, StoreUnavailable
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.service import RevocationService
from shared.store.memory import MemoryQueue, MemoryStore
from shared.store.ports import Claim, Status
from tests.ca.stores import Crash, Worker, in_threads, order, template
from tests.scep.authority import DAY, NOW

SHARED = order(user="ann@example.org")  # with a link between claim and commit


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def crash() -> None:
    raise Crash


def records(store: MemoryStore, worker: Worker) -> list[bytes | None]:
    return [record.certificate for record in store.records(worker.issuer.id)]


def the_claim(store: MemoryStore) -> Claim:
    (claim,) = store.owned_by("device:dev1")
    return claim


def crash_at(store: MemoryStore, when: str, call: str, now: datetime = NOW) -> None:
    """A worker that dies before or after one of its storage calls."""
    dying = Worker(store)
    getattr(dying.store, when)[call] = crash
    with pytest.raises(Crash):
        dying.authority.issue(template(), SHARED, now=now)


@pytest.mark.parametrize(
    ("when", "call"),
    [("after", "claim"), ("before", "link"), ("after", "link"), ("before", "commit"), ("after", "commit")],
)
def test_a_worker_that_died_is_finished_by_the_next(store: MemoryStore, when: str, call: str) -> None:
    crash_at(store, when, call)
    promised = the_claim(store)
    worker = Worker(store)
    issued = worker.authority.issue(template(), SHARED, now=NOW + DAY)
    assert issued.certificate.tbs == promised.tbs
    assert issued.record.serial == promised.serial
    assert records(store, worker) == [issued.certificate.der]
    assert [claim.serial for claim in store.owned_by("user:ann@example.org")] == [promised.serial]


def test_a_worker_that_died_before_its_claim_left_nothing(store: MemoryStore) -> None:
    crash_at(store, "before", "claim")
    worker = Worker(store)
    issued = worker.authority.issue(template(), SHARED, now=NOW)
    assert (worker.cost(), issued.repeated) == ({"claim": 1, "link": 1, "commit": 1, "sign": 1}, False)


def test_a_claim_that_nobody_finished_for_a_day_is_over(store: MemoryStore) -> None:
    crash_at(store, "after", "claim")
    worker = Worker(store)
    with pytest.raises(ChallengeRejected, match="too long ago"):
        worker.authority.issue(template(), SHARED, now=NOW + DAY + timedelta(seconds=1))
    assert worker.key.signatures == 0
    assert records(store, worker) == []


def test_another_key_cannot_finish_a_claim(store: MemoryStore) -> None:
    crash_at(store, "after", "claim")
    with pytest.raises(ChallengeRejected, match="another key"):
        Worker(store).authority.issue(template(1), SHARED, now=NOW)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), KeyUnavailable("away")])
def test_a_dependency_that_was_away_is_made_up_for_by_the_repeat(
    store: MemoryStore, error: Exception
) -> None:
    worker = Worker(store)

    def fail() -> None:
        raise error

    worker.store.before["commit"] = fail
    with pytest.raises(type(error)):
        worker.authority.issue(template(), SHARED, now=NOW)
    worker.store.before.clear()
    issued = worker.authority.issue(template(), SHARED, now=NOW)
    assert records(store, worker) == [issued.certificate.der]


def test_two_workers_that_finish_one_claim_return_the_winners_signature(store: MemoryStore) -> None:
    """ECDSA signatures differ each time, so equal bytes prove that the record decides."""
    crash_at(store, "after", "claim")
    signed, workers = threading.Barrier(2), [Worker(store), Worker(store)]
    for worker in workers:
        worker.store.before["commit"] = signed.wait
    results: list[Issued] = in_threads(
        [partial(worker.authority.issue, template(), SHARED, now=NOW) for worker in workers]
    )
    assert [worker.key.signatures for worker in workers] == [1, 1]
    assert results[0].certificate.der == results[1].certificate.der
    assert sorted(result.repeated for result in results) == [False, True]
    assert records(store, workers[0]) == [results[0].certificate.der]


def test_a_commit_that_storage_could_not_confirm_is_ones_own(store: MemoryStore) -> None:
    """A lost answer is tried again by the client of storage, whose second insert meets the first."""
    worker = Worker(store)

    def conflict() -> None:
        raise Conflict("commit: the serial is on record")

    worker.store.after["commit"] = worker.store.after["claim"] = conflict
    issued = worker.authority.issue(template(), SHARED, now=NOW)
    assert records(store, worker) == [issued.certificate.der]


def test_a_hundred_at_once_with_one_request_get_one_certificate(store: MemoryStore) -> None:
    workers = [Worker(store) for _ in range(100)]
    results = in_threads([partial(worker.authority.issue, template(), SHARED, now=NOW) for worker in workers])
    assert {result.certificate.der for result in results} == {results[0].certificate.der}
    assert records(store, workers[0]) == [results[0].certificate.der]
    assert sum(not result.repeated for result in results) == 1


def test_a_hundred_keys_under_one_challenge_get_exactly_one_certificate(store: MemoryStore) -> None:
    workers = [Worker(store) for _ in range(100)]
    results = in_threads(
        [
            partial(worker.authority.issue, template(index), SHARED, now=NOW)
            for index, worker in enumerate(workers)
        ]
    )
    refused = [result for result in results if isinstance(result, ChallengeRejected)]
    (issued,) = [result for result in results if isinstance(result, Issued)]
    assert len(refused) == 99
    assert records(store, workers[0]) == [issued.certificate.der]
    assert sum(worker.key.signatures for worker in workers) == 1


@pytest.mark.parametrize("call", ["link", "commit"])
def test_a_claim_that_is_revoked_while_it_is_signed_loses(store: MemoryStore, call: str) -> None:
    worker = Worker(store)
    queue = MemoryQueue()
    revocations = RevocationService(store, CRLRequests(queue, lambda: NOW), lambda: NOW)
    worker.store.before[call] = lambda: revocations.revoke_claim(
        the_claim(store), "cessationOfOperation", by="wipe"
    )
    with pytest.raises(ChallengeRejected, match="is revoked"):
        worker.authority.issue(template(), SHARED, now=NOW)
    (record,) = store.records(worker.issuer.id)
    assert (record.status, record.certificate) == (Status.REVOKED, None)
    assert (record.subject, record.not_after) == ("CN=dev1", template().not_after)
    assert len(queue.sent) == 1
    with pytest.raises(ChallengeRejected, match="is revoked"):
        Worker(store).authority.issue(template(), SHARED, now=NOW)


def test_a_claim_that_is_revoked_after_its_commit_is_revoked_like_any_certificate(store: MemoryStore) -> None:
    worker = Worker(store)
    issued = worker.authority.issue(template(), SHARED, now=NOW)
    revocations = RevocationService(store, CRLRequests(MemoryQueue(), lambda: NOW), lambda: NOW)
    record = revocations.revoke_claim(the_claim(store), "cessationOfOperation", by="wipe")
    assert (record.status, record.certificate) == (Status.REVOKED, issued.certificate.der)


def test_whichever_is_first_a_revoked_claim_never_leaves_a_good_certificate(store: MemoryStore) -> None:
    """Both at once, fifty times: the certificate is refused, or it is handed out and revoked."""
    revocations = RevocationService(store, CRLRequests(MemoryQueue(), lambda: NOW), lambda: NOW)
    for number in range(50):
        whose = order(f"challenge-{number}", device=f"dev-{number}")
        crash_after_claim(store, whose)
        (claim,) = store.owned_by(f"device:dev-{number}")
        worker = Worker(store)
        in_threads(
            [
                partial(worker.authority.issue, template(), whose, now=NOW),
                partial(revocations.revoke_claim, claim, "keyCompromise", by="wipe"),
            ]
        )
        record = store.find(claim.issuer, claim.serial)
        assert record is not None
        assert record.status is Status.REVOKED


def crash_after_claim(store: MemoryStore, whose: Order) -> None:
    dying = Worker(store)
    dying.store.after["claim"] = crash
    with pytest.raises(Crash):
        dying.authority.issue(template(), whose, now=NOW)
