"""Two publishers at once: one wins, the other starts over, and nothing that is published goes backwards."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from shared.asn1.pem import pem
from shared.errors import Conflict, StoreUnavailable
from shared.revocation.publication import CRLPublisher
from shared.x509.crl import parse_crl
from tests.ca.stores import Crash, in_threads
from tests.revocation.authority import MINUTE, SECOND, Authority
from tests.revocation.views import WatchedPublications


@pytest.fixture
def ca() -> Authority:
    return Authority()


def copy_of(ca: Authority) -> bytes:
    found = ca.publications.read(f"{ca.publisher.name}.pem")
    assert found is not None
    return found.data


def workers(ca: Authority, count: int) -> list[tuple[WatchedPublications, CRLPublisher]]:
    views = [WatchedPublications(ca.publications) for _ in range(count)]
    return [(view, ca.publisher_over(view)) for view in views]


@pytest.mark.parametrize("first", [True, False], ids=["the first CRL", "a later one"])
def test_two_that_read_the_same_crl_are_one_winner_and_one_that_starts_over(
    ca: Authority, first: bool
) -> None:
    if not first:
        ca.publisher.publish()
    record = ca.issue()
    ca.revoke(record)
    both_read = threading.Barrier(2)
    pair = workers(ca, 2)
    for view, _ in pair:
        # Both have read before either puts; the second reading of the loser is alone.
        passed = iter([both_read.wait])
        view.after_read = lambda _, passed=passed: next(passed, lambda: None)()  # type: ignore[misc]
    numbers = in_threads([publisher.publish for _, publisher in pair])
    assert len(set(numbers)) == 2
    assert ca.crl().number == max(numbers)
    assert ca.listed() == {record.serial: "keyCompromise"}
    assert sorted(len([put for put in view.puts if put == ca.publisher.name]) for view, _ in pair) == [1, 1]


def test_a_loser_builds_on_what_the_winner_published(ca: Authority) -> None:
    ca.publisher.publish()
    (slow, loser), (_, winner) = workers(ca, 2)
    late = ca.issue()
    meanwhile = iter([True])

    def somebody_else(name: str) -> None:
        if next(meanwhile, False):
            ca.revoke(late)
            winner.publish()

    slow.before_put = somebody_else
    loser.publish()
    assert ca.listed() == {late.serial: "keyCompromise"}


def test_many_publishers_and_revocations_at_once_lose_no_entry_and_no_number(ca: Authority) -> None:
    records = [ca.issue() for _ in range(24)]
    numbers: list[int] = []

    def revoke_and_publish(number: int) -> None:
        ca.revoke(records[number])
        for _ in range(20):
            try:
                numbers.append(ca.publisher_over(ca.publications).publish())
            except Conflict:
                continue
            return

    in_threads([partial(revoke_and_publish, number) for number in range(len(records))])
    assert ca.listed().keys() == {record.serial for record in records}
    assert len(set(numbers)) == len(numbers) == 24
    assert ca.crl().number == max(numbers)
    assert copy_of(ca) == pem("X509 CRL", ca.crl().der)


def test_a_slow_publisher_does_not_put_an_old_pem_over_a_new_one(ca: Authority) -> None:
    (slow, first), (_, second) = workers(ca, 2)
    record = ca.issue()
    overtaken = iter([True])

    def overtake(name: str) -> None:
        if name.endswith(".pem") and next(overtaken, False):
            ca.now += SECOND
            ca.revoke(record)
            second.publish()

    slow.before_put = overtake
    first.publish()
    assert record.serial in ca.listed()
    assert copy_of(ca) == pem("X509 CRL", ca.crl().der)


def test_a_publisher_that_died_before_its_pem_is_made_up_for_by_the_message_that_comes_again(
    ca: Authority,
) -> None:
    ca.publisher.publish()
    (dying, publisher), _ = workers(ca, 2)

    def crash(name: str) -> None:
        if name.endswith(".pem"):
            raise Crash

    dying.before_put = crash
    ca.now += MINUTE
    record = ca.issue()
    ca.revoke(record)
    changed_at, ca.now = ca.now, ca.now + 5 * SECOND
    with pytest.raises(Crash):
        publisher.publish_change(changed_at)
    assert record.serial in ca.listed()
    assert not ca.publisher.publish_change(changed_at), "the CRL itself covers it"
    assert copy_of(ca) == pem("X509 CRL", ca.crl().der)


def test_others_that_keep_winning_end_in_a_conflict(ca: Authority) -> None:
    (view, publisher), _ = workers(ca, 2)
    view.before_put = lambda name: ca.publisher.publish()
    with pytest.raises(Conflict, match="keep winning"):
        publisher.publish()
    assert view.puts == []


def test_storage_that_is_away_leaves_the_published_crl_standing(ca: Authority) -> None:
    ca.publisher.publish()
    before = ca.crl()
    (view, publisher), _ = workers(ca, 2)

    def away(name: str) -> None:
        raise StoreUnavailable("away")

    view.before_put = away
    ca.now += MINUTE
    with pytest.raises(StoreUnavailable):
        publisher.publish()
    assert ca.crl() == before
    assert parse_crl(before.der).number == before.number
