"""The nightly comparison: what change rows lost is mended, and nothing else is touched."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, IssuanceFault
from shared.revocation.comparison import differences, side_by_side
from shared.revocation.reconciliation import Reconciled, Reconciler
from shared.revocation.scopes import CRLPlan
from shared.store.memory import MemoryStore
from shared.store.ports import CertificateRecord, Revocation, RevocationChange, Status
from shared.x509.crl_list import EntryList
from tests.ca.stores import Crash
from tests.revocation.authority import LIFE, MINUTE, SECOND, Authority
from tests.scep.authority import DAY, NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def ca() -> Authority:
    return Authority(plan=CRLPlan(LIFE, delta_life=12 * HOUR, shards=2))


def reconcile(ca: Authority, records: Any = None) -> Reconciled:
    return Reconciler(ca.publisher, records or ca.store, lambda: ca.now).run()


def on_record(ca: Authority, record: CertificateRecord, revocation: Revocation | None) -> None:
    """A change of the record that no change row tells of."""
    found = ca.store.find(record.issuer, record.serial)
    assert found is not None
    ca.store.set_revocation(found, revocation)


def status(ca: Authority, record: CertificateRecord) -> Status:
    found = ca.store.find(record.issuer, record.serial)
    assert found is not None
    return found.status


def row(ca: Authority, record: CertificateRecord, revocation: Revocation | None) -> None:
    """A change row of a revocation that never reached its record."""
    ca.store.note_change(RevocationChange(record.issuer, record.serial, ca.now, revocation))


def days_later(ca: Authority) -> None:
    """The next CRLs are out, and the change rows of before are read no more."""
    ca.publisher.publish()
    ca.now += 2 * DAY
    ca.publisher.publish()


def revoked(ca: Authority, reason: str = "keyCompromise", ago: timedelta = HOUR) -> Revocation:
    return Revocation(reason, ca.now - ago, "tests", "a note")


def test_where_all_is_right_nothing_is_published(ca: Authority) -> None:
    records = [ca.issue() for _ in range(5)]
    ca.revoke(records[0])
    ca.revoke(records[1], "certificateHold")
    ca.revoke(records[2], "unspecified")
    days_later(ca)
    before = dict(ca.publications._blobs)
    assert reconcile(ca) == Reconciled()
    assert ca.publications._blobs == before


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold", "unspecified"])
def test_a_revocation_that_the_change_rows_lost_is_listed(
    ca: Authority, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    record, other = ca.issue(), ca.issue()
    ca.revoke(other)
    days_later(ca)
    on_record(ca, record, revoked(ca, reason))
    with caplog.at_level(logging.WARNING):
        assert reconcile(ca) == Reconciled(listed=[record.serial])
    assert record.serial in caplog.text
    expected = None if reason == "unspecified" else reason
    assert ca.listed() == {record.serial: expected, other.serial: "keyCompromise"}
    assert ca.listed(ca.shard(record))[record.serial] == expected
    assert ca.listed(ca.delta_name)[record.serial] == expected
    entry = ca.crl().find(record.serial)
    assert entry is not None
    assert entry.at == ca.now - HOUR
    assert reconcile(ca) == Reconciled()


def test_a_lift_that_the_change_rows_lost_is_taken_off(ca: Authority) -> None:
    record = ca.issue()
    ca.revoke(record, "certificateHold")
    days_later(ca)
    on_record(ca, record, None)
    assert reconcile(ca) == Reconciled(lifted=[record.serial])
    assert ca.listed() == {}
    assert ca.listed(ca.shard(record)) == {}
    assert ca.listed(ca.delta_name) == {record.serial: "removeFromCRL"}


def test_an_entry_with_another_reason_or_time_is_put_right(ca: Authority) -> None:
    held, revoked_again = ca.issue(), ca.issue()
    ca.revoke(held, "certificateHold")
    ca.revoke(revoked_again, "superseded")
    days_later(ca)
    on_record(ca, held, revoked(ca, "keyCompromise"))
    on_record(ca, revoked_again, revoked(ca, "superseded", 30 * HOUR))
    assert sorted(reconcile(ca).listed) == sorted((held.serial, revoked_again.serial))
    assert ca.listed()[held.serial] == "keyCompromise"
    entry = ca.crl().find(revoked_again.serial)
    assert entry is not None
    assert entry.at == ca.now - 30 * HOUR


@pytest.mark.parametrize("before", ["good", "held"])
def test_a_revocation_that_died_after_its_change_row_is_finished(ca: Authority, before: str) -> None:
    """The world has seen it on the CRL, and revoked is final."""
    record = ca.issue()
    if before == "held":
        ca.revoke(record, "certificateHold")
        days_later(ca)
    row(ca, record, revoked(ca))
    days_later(ca)
    assert reconcile(ca) == Reconciled(finished=[record.serial])
    found = ca.store.find(record.issuer, record.serial)
    assert found is not None
    assert found.revocation is not None
    assert (found.status, found.revocation.by) == (Status.REVOKED, "reconciliation")
    entry = ca.crl().find(record.serial)
    assert entry is not None
    assert (found.revocation.reason, found.revocation.at) == (entry.reason, entry.at)
    assert reconcile(ca) == Reconciled()


def test_a_hold_that_died_after_its_change_row_is_taken_off(ca: Authority) -> None:
    record = ca.issue()
    row(ca, record, revoked(ca, "certificateHold"))
    days_later(ca)
    assert reconcile(ca) == Reconciled(lifted=[record.serial])
    assert (ca.listed(), status(ca, record)) == ({}, Status.GOOD)


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold"])
def test_a_change_that_is_on_its_way_is_left_alone(ca: Authority, reason: str) -> None:
    """Row written, CRL out, and the record follows in a moment."""
    record = ca.issue()
    days_later(ca)
    row(ca, record, revoked(ca, reason, timedelta(0)))
    ca.now += MINUTE
    ca.publisher.publish()
    assert reconcile(ca) == Reconciled()
    assert (ca.listed(), status(ca, record)) == ({record.serial: reason}, Status.GOOD)


def test_an_entry_that_expired_does_not_come_back(ca: Authority) -> None:
    record = ca.issue(ends=NOW + DAY)
    ca.revoke(record)
    for _ in range(4):
        days_later(ca)
    assert ca.listed() == {}
    assert reconcile(ca) == Reconciled()


def test_an_entry_of_a_certificate_that_just_ended_is_listed_until_it_may_leave(ca: Authority) -> None:
    record = ca.issue(ends=NOW + 4 * DAY + HOUR)
    days_later(ca)
    days_later(ca)
    ca.now = NOW + 4 * DAY + 2 * HOUR
    on_record(ca, record, revoked(ca))
    assert reconcile(ca).listed == [record.serial]
    assert record.serial in ca.listed()


def test_an_entry_without_a_record_stays(ca: Authority, caplog: pytest.LogCaptureFixture) -> None:
    stray = replace(ca.issue(), serial=f"27ca{7:034x}")
    row(ca, stray, revoked(ca))
    days_later(ca)
    assert reconcile(ca) == Reconciled(unknown=[stray.serial])
    assert ca.listed() == {stray.serial: "keyCompromise"}
    assert "not on record" in caplog.text


def test_serials_that_are_not_ours_are_compared_too(ca: Authority) -> None:
    known = ca.issue()
    for serial in ("0badcafe", "0c", "7f" * 20):
        ca.store.commit(replace(known, serial=serial, etag=""))
    days_later(ca)
    ca.store.note_change(RevocationChange(ca.issuer.id, "0c", ca.now, revoked(ca, "certificateHold")))
    days_later(ca)
    for serial in ("0badcafe", "7f" * 20):
        on_record(ca, replace(known, serial=serial), revoked(ca))
    found = reconcile(ca)
    assert (sorted(found.listed), found.lifted) == (["0badcafe", "7f" * 20], ["0c"])
    assert ca.listed().keys() == {"0badcafe", "7f" * 20}


def test_a_crl_that_is_lost_is_made_from_the_records(ca: Authority) -> None:
    records = [ca.issue() for _ in range(6)]
    gone = ca.issue(ends=NOW + HOUR)
    for record in (*records[:3], gone):
        ca.revoke(record)
    days_later(ca)
    ca.now += 20 * DAY
    ca.store.purge_changes(ca.issuer.id, ca.now, 100)
    ca.publications._blobs.clear()
    number = int(ca.now.timestamp())
    assert reconcile(ca) == Reconciled()
    assert ca.listed().keys() == {record.serial for record in records[:3]}
    assert ca.crl().number >= number
    assert all(record.serial in ca.listed(ca.shard(record)) for record in records[:3])


class Interrupted(MemoryStore):
    """Something happens once, after all records have been read."""

    meanwhile: Callable[[], object]

    def revoked(self, issuer: str) -> Any:
        yield from super().revoked(issuer)
        self.meanwhile, then = lambda: None, self.meanwhile
        then()


@pytest.mark.parametrize("act", ["lift", "revoke"])
def test_a_change_during_the_comparison_wins(act: str) -> None:
    store = Interrupted()
    store.meanwhile = lambda: None
    ca = Authority(store=store)
    record = ca.issue()
    days_later(ca)
    on_record(ca, record, revoked(ca, "certificateHold"))
    store.meanwhile = lambda: ca.lift(record) if act == "lift" else ca.revoke(record, "superseded")
    ca.now += SECOND
    reconcile(ca)
    assert ca.listed() == ({} if act == "lift" else {record.serial: "superseded"})
    ca.now += HOUR
    ca.publisher.publish()
    assert ca.listed() == ({} if act == "lift" else {record.serial: "superseded"})


def test_what_others_published_meanwhile_is_not_told_as_mended() -> None:
    store = Interrupted()
    store.meanwhile = lambda: None
    ca = Authority(store=store)
    record = ca.issue()
    days_later(ca)
    store.meanwhile = lambda: (ca.revoke(record), ca.publisher.publish())
    assert reconcile(ca) == Reconciled()
    assert record.serial in ca.listed()


class Contended(MemoryStore):
    def set_revocation(self, record: CertificateRecord, revocation: Revocation | None) -> CertificateRecord:
        raise Conflict("somebody was first")


def test_a_record_that_others_are_changing_is_left_to_them() -> None:
    ca = Authority(store=Contended())
    record = ca.issue()
    row(ca, record, revoked(ca))
    days_later(ca)
    assert reconcile(ca) == Reconciled()
    assert record.serial in ca.listed()


def test_one_that_dies_before_it_publishes_is_made_up_for_by_the_next(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ca.issue()
    days_later(ca)
    on_record(ca, record, revoked(ca))

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(ca.publications, "put", crash)
        with pytest.raises(Crash):
            reconcile(ca)
    assert ca.listed() == {}
    assert reconcile(ca) == Reconciled(listed=[record.serial])
    assert record.serial in ca.listed()


def test_records_out_of_order_are_a_fault() -> None:
    revocation = Revocation("keyCompromise", NOW, "tests")
    rows = [(f"27ca{number:034x}", revocation) for number in (2, 1)]
    with pytest.raises(IssuanceFault, match="in order"):
        list(differences(EntryList(b"", 0, 0), iter(rows), NOW.date()))


def test_two_streams_side_by_side() -> None:
    left = [(b"a", b"1"), (b"c", b"2"), (b"e", b"3")]
    right = [(b"b", b"4"), (b"c", b"5"), (b"f", b"6")]
    assert list(side_by_side(iter(left), iter(right))) == [
        (b"a", b"1", None),
        (b"b", None, b"4"),
        (b"c", b"2", b"5"),
        (b"e", b"3", None),
        (b"f", None, b"6"),
    ]
