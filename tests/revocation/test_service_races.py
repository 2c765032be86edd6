"""Several changes of one certificate at once: the record decides, and the reading list of the CRL agrees with it."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from shared.errors import PolicyViolation
from shared.store.ports import CertificateRecord, Claim, Status
from tests.ca.stores import WatchedStore, Worker, in_threads, order, template
from tests.revocation.authority import MINUTE, Authority
from tests.scep.authority import NOW


@pytest.fixture
def ca() -> Authority:
    return Authority()


def last_change(ca: Authority, record: CertificateRecord) -> str | None:
    """The reason that the next CRL will give, None for no entry."""
    (change,) = [
        each for each in ca.store.changes(ca.issuer.id, NOW - MINUTE) if each.serial == record.serial
    ]
    return change.revocation.reason if change.revocation else None


@pytest.mark.parametrize("loser", ["lift", "hold"])
def test_a_loser_that_wrote_its_change_row_last_restores_the_winners(ca: Authority, loser: str) -> None:
    """Row of the winner, row of the loser, record of the winner: the row must not stay the loser's."""
    record = ca.issue()
    if loser == "lift":
        ca.revoke(record, "certificateHold")
    noted, merged = threading.Event(), threading.Event()
    slow, fast = WatchedStore(ca.store), WatchedStore(ca.store)
    outcome: list[object] = []

    def wait_for_the_other() -> None:
        noted.set()
        assert merged.wait(10)

    def lose() -> None:
        service = ca.service(slow)
        slow.before["set_revocation"] = wait_for_the_other
        try:
            if loser == "lift":
                service.lift(record.issuer, record.serial)
            else:
                outcome.append(
                    service.revoke(record.issuer, record.serial, "certificateHold", by="slow").status
                )
        except PolicyViolation as violation:
            outcome.append(type(violation))

    thread = threading.Thread(target=lose)

    def let_the_other_write() -> None:
        thread.start()
        assert noted.wait(10)

    fast.before["set_revocation"] = let_the_other_write
    ca.service(fast).revoke(record.issuer, record.serial, "keyCompromise", by="fast")
    merged.set()
    thread.join(10)
    assert outcome == [PolicyViolation if loser == "lift" else Status.REVOKED]
    assert last_change(ca, record) == "keyCompromise"
    asked = 3 if loser == "lift" else 2
    assert len(ca.queue.sent) == asked, "each worker asks for a CRL, once for its burst"
    ca.publisher.publish()
    assert ca.listed() == {record.serial: "keyCompromise"}


@pytest.mark.parametrize("other", ["certificateHold", "superseded", "lift"])
def test_two_acts_at_once_leave_record_and_reading_list_in_agreement(ca: Authority, other: str) -> None:
    for _ in range(20):
        record = ca.issue()
        ca.revoke(record, "certificateHold")
        revoke = partial(ca.revocations.revoke, record.issuer, record.serial, by="tests")
        second = partial(ca.lift, record) if other == "lift" else partial(revoke, other)
        results = in_threads([partial(revoke, "keyCompromise"), second])
        final = ca.store.find(record.issuer, record.serial)
        assert final is not None
        assert final.revocation is not None
        assert last_change(ca, record) == final.revocation.reason
        assert final.status is Status.REVOKED
        assert isinstance(results[0], CertificateRecord)


def claim_of(ca: Authority, identity: str) -> Claim:
    (claim,) = [claim for claim in ca.store.owned_by("device:dev1") if claim.identity == identity]
    return claim


def unfinished(ca: Authority) -> Claim:
    """A claim whose worker has not signed it yet."""
    worker = Worker(ca.store)
    claims: list[Claim] = []
    worker.store.after["claim"] = lambda: claims.append(claim_of(ca, "in-flight"))
    worker.store.before["commit"] = lambda: (_ for _ in ()).throw(ConnectionError())
    with pytest.raises(ConnectionError):
        worker.authority.issue(template(), order("in-flight"), now=NOW)
    return claims[0]


def test_a_claim_without_record_is_revoked_and_listed(ca: Authority) -> None:
    claim = unfinished(ca)
    record = ca.revocations.revoke_claim(claim, "cessationOfOperation", by="wipe", note="device wiped")
    assert (record.status, record.certificate, record.serial) == (Status.REVOKED, None, claim.serial)
    assert (record.owner, record.identity, record.key_hash) == (claim.owner, claim.identity, claim.key_hash)
    ca.publisher.publish()
    assert ca.listed() == {claim.serial: "cessationOfOperation"}


def test_revoking_a_claim_twice_is_once(ca: Authority) -> None:
    claim = unfinished(ca)
    first = ca.revocations.revoke_claim(claim, "cessationOfOperation", by="wipe")
    assert ca.revocations.revoke_claim(claim, "keyCompromise", by="wipe") == first


def test_a_hundred_revocations_of_one_claim_at_once_agree(ca: Authority) -> None:
    claim = unfinished(ca)
    results = in_threads(
        [
            partial(ca.revocations.revoke_claim, claim, "keyCompromise", by=str(number))
            for number in range(100)
        ]
    )
    assert {(record.status, record.serial) for record in results} == {(Status.REVOKED, claim.serial)}
    assert len(list(ca.store.records(ca.issuer.id))) == 1


def test_a_claim_can_be_held_while_it_is_in_flight(ca: Authority) -> None:
    claim = unfinished(ca)
    assert ca.revocations.revoke_claim(claim, "certificateHold", by="lost").status is Status.HELD
