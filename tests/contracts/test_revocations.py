"""RevocationStore: the record is the one truth, change rows are the publisher's reading list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from shared.errors import Conflict, IssuanceFault, MalformedMessage
from shared.store.ports import CertificateRecord, RevocationStore, Status
from tests.contracts import examples
from tests.contracts.backend import Backend, Store


def committed(store: Store, **changes: object) -> CertificateRecord:
    record = examples.record(**changes)
    store.commit(record)
    found = store.find(record.issuer, record.serial)
    assert found is not None
    return found


def test_a_revocation_is_merged_and_returned_as_stored(store: Store) -> None:
    record = committed(store)
    revoked = store.set_revocation(record, examples.revocation())
    assert revoked == replace(record, revocation=examples.revocation())
    found = store.find(record.issuer, record.serial)
    assert found == revoked
    assert found is not None
    assert found.etag == revoked.etag != record.etag


def test_the_returned_record_can_be_changed_again(store: Store) -> None:
    held = store.set_revocation(committed(store), examples.revocation(reason="certificateHold"))
    assert held.status is Status.HELD
    lifted = store.set_revocation(held, None)
    assert lifted.status is Status.GOOD
    assert store.find(held.issuer, held.serial) == lifted
    store.set_revocation(lifted, examples.revocation())
    found = store.find(held.issuer, held.serial)
    assert found is not None
    assert found.revocation == examples.revocation()


def test_who_read_an_older_version_loses(store: Store) -> None:
    record = committed(store)
    store.set_revocation(record, examples.revocation())
    with pytest.raises(Conflict):
        store.set_revocation(record, None)
    found = store.find(record.issuer, record.serial)
    assert found is not None
    assert found.revocation == examples.revocation()


def test_a_record_that_was_not_read_cannot_be_revoked(store: Store) -> None:
    record = examples.record()
    store.commit(record)
    with pytest.raises(IssuanceFault):
        store.set_revocation(record, examples.revocation())
    assert store.find(record.issuer, record.serial) == record


def test_a_record_that_is_gone_is_a_conflict(store: Store) -> None:
    record = committed(store)
    elsewhere = replace(record, serial=examples.serial(number=77))
    with pytest.raises(Conflict):
        store.set_revocation(elsewhere, examples.revocation())
    assert store.find(elsewhere.issuer, elsewhere.serial) is None


def test_a_revocation_without_reason_is_our_fault(store: Store) -> None:
    with pytest.raises(IssuanceFault):
        store.set_revocation(committed(store), examples.revocation(reason=""))


def test_a_note_that_cannot_be_kept_is_refused(store: Store) -> None:
    record = committed(store)
    with pytest.raises(MalformedMessage):
        store.set_revocation(record, examples.revocation(note="x" * 40_000))
    assert store.find(record.issuer, record.serial) == record


def test_sixteen_threads_revoke_and_exactly_one_wins(backend: Backend) -> None:
    record = committed(backend.store())
    revocations = [examples.revocation(by=f"admin:{n}") for n in range(16)]

    def attempt(number: int) -> int | None:
        try:
            backend.store().set_revocation(record, revocations[number])
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(16) as threads:
        winners = [number for number in threads.map(attempt, range(16)) if number is not None]
    assert len(winners) == 1
    found = backend.store().find(record.issuer, record.serial)
    assert found is not None
    assert found.revocation == revocations[winners[0]]


def test_changes_come_back_as_they_went(revocation_store: RevocationStore) -> None:
    revoked = examples.change()
    lifted = examples.change(serial=examples.serial(number=5), revocation=None)
    for change in (revoked, lifted):
        revocation_store.note_change(change)
    found = list(revocation_store.changes(examples.ISSUER, examples.NOW))
    assert sorted(found, key=lambda change: change.serial) == [revoked, lifted]


def test_the_last_change_of_an_hour_wins(revocation_store: RevocationStore) -> None:
    revocation_store.note_change(examples.change(revocation=examples.revocation(reason="certificateHold")))
    later = examples.change(changed_at=examples.NOW + timedelta(minutes=1), revocation=None)
    revocation_store.note_change(later)
    assert list(revocation_store.changes(examples.ISSUER, examples.NOW)) == [later]


def test_changes_start_with_the_hour_of_since(revocation_store: RevocationStore) -> None:
    hour = examples.NOW.replace(minute=0, second=0)
    times = [hour - timedelta(seconds=1), hour, hour + timedelta(minutes=59), hour + timedelta(days=400)]
    for number, moment in enumerate(times):
        revocation_store.note_change(
            examples.change(serial=examples.serial(number=number), changed_at=moment)
        )
    found = revocation_store.changes(examples.ISSUER, hour + timedelta(minutes=30))
    assert sorted(change.changed_at for change in found) == times[1:]


def test_changes_of_other_issuers_stay_out(revocation_store: RevocationStore) -> None:
    for issuer in ("aa", "aa-2026", "ab", "a"):
        revocation_store.note_change(examples.change(issuer=issuer))
    found = revocation_store.changes("aa", examples.NOW)
    assert [change.issuer for change in found] == ["aa"]


def test_change_rows_before_an_hour_are_purged_some_at_a_time(revocation_store: RevocationStore) -> None:
    hour = examples.NOW.replace(minute=0, second=0)
    for number in range(5):
        moment = hour - timedelta(hours=3 - number, minutes=-1)
        revocation_store.note_change(
            examples.change(serial=examples.serial(number=number), changed_at=moment)
        )
    revocation_store.note_change(examples.change(issuer="ab", changed_at=hour - timedelta(days=9)))
    purge = partial(revocation_store.purge_changes, examples.ISSUER, hour + timedelta(minutes=59))
    assert [purge(2), purge(2), purge(2)] == [2, 1, 0]
    left = revocation_store.changes(examples.ISSUER, hour - timedelta(days=1))
    assert sorted(change.changed_at for change in left) == [
        hour + timedelta(minutes=1),
        hour + timedelta(hours=1, minutes=1),
    ]
    assert len(list(revocation_store.changes("ab", hour - timedelta(days=10)))) == 1


def test_what_is_revoked_comes_in_order_and_nothing_else_does(store: Store) -> None:
    ends = [examples.NOW + timedelta(days=days) for days in (30, 400, 30, 10)]
    serials = [examples.serial(number * 60, ends=end, number=9 - number) for number, end in enumerate(ends)]
    for serial in (*serials, "0badcafe"):
        store.commit(examples.record(serial=serial))
    store.commit(examples.record(issuer="other"))
    for serial in (serials[0], serials[1], serials[3], "0badcafe"):
        record = store.find(examples.ISSUER, serial)
        assert record is not None
        store.set_revocation(record, examples.revocation(by=serial))
    found = list(store.revoked(examples.ISSUER))
    assert [serial for serial, _ in found] == [*sorted((serials[0], serials[1], serials[3])), "0badcafe"]
    assert all(revocation == examples.revocation(by=serial) for serial, revocation in found)
    lifted = store.find(examples.ISSUER, serials[0])
    assert lifted is not None
    store.set_revocation(lifted, None)
    assert serials[0] not in dict(store.revoked(examples.ISSUER))


@pytest.mark.parametrize(
    ("first", "last", "ends_after", "found"),
    [
        (-1, 1, 0, True),
        (0, 0, 364, True),
        (0, 0, 365, False),
        (0, 0, 366, False),
        (1, 2, 0, False),
        (-2, -1, 0, False),
    ],
)
def test_whether_anything_issued_then_lives_on(
    store: Store, first: int, last: int, ends_after: int, found: bool
) -> None:
    """Issued at NOW, for 365 days."""
    store.commit(examples.record())
    issued_from, issued_to, later = (
        examples.NOW + timedelta(days=days) for days in (first, last, ends_after)
    )
    assert store.any_issued(examples.ISSUER, issued_from, issued_to, later) is found
    assert not store.any_issued("other", issued_from, issued_to, later)


def test_what_lives_comes_in_order_and_from_behind_a_serial(store: Store) -> None:
    ends = [examples.NOW + timedelta(days=days) for days in (30, 400, 30, 10, -1)]
    serials = [examples.serial(number * 60, ends=end, number=9 - number) for number, end in enumerate(ends)]
    for serial, end in zip((*serials, "0badcafe"), (*ends, ends[0]), strict=True):
        store.commit(examples.record(serial=serial, owner=f"device:{serial}", not_after=end))
    store.commit(examples.record(issuer="other"))
    for serial, reason in ((serials[0], "keyCompromise"), (serials[1], "certificateHold")):
        record = store.find(examples.ISSUER, serial)
        assert record is not None
        store.set_revocation(record, examples.revocation(reason=reason))
    expected = [(serial, f"device:{serial}") for serial in (serials[3], serials[2], serials[1], "0badcafe")]
    assert list(store.live(examples.ISSUER, examples.NOW)) == expected
    for number, (serial, _) in enumerate(expected):
        assert list(store.live(examples.ISSUER, examples.NOW, serial)) == expected[number + 1 :]
    assert list(store.live(examples.ISSUER, ends[1])) == []
