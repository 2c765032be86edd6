"""What was renewed is revoked once its grace is over, and only if its successor lives."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from shared.errors import StoreUnavailable
from shared.revocation.supersession import Superseder
from shared.store.ports import CertificateRecord, Status, Supersession
from tests.ca.stores import WatchedStore
from tests.revocation.authority import Authority
from tests.scep.authority import DAY, NOW

TODAY = NOW.date()


@pytest.fixture
def ca() -> Authority:
    return Authority()


def superseder(ca: Authority) -> Superseder:
    return Superseder(ca.store, ca.store, ca.revocations, lambda: ca.now)


def renewed(ca: Authority, *, due: date = TODAY) -> tuple[CertificateRecord, CertificateRecord]:
    """(predecessor, successor) with the predecessor on the list."""
    old, new = ca.issue(), ca.issue()
    ca.store.remember(Supersession(due, ca.issuer.id, old.serial, new.serial, ca.issuer.id))
    return old, new


def status(ca: Authority, record: CertificateRecord) -> Status:
    found = ca.store.find(record.issuer, record.serial)
    assert found is not None
    return found.status


def waiting(ca: Authority) -> list[Supersession]:
    return list(ca.store.due((ca.now + 1000 * DAY).date()))


def test_a_predecessor_is_revoked_as_superseded_by_its_successor(ca: Authority) -> None:
    old, new = renewed(ca)
    assert superseder(ca).run() == 1
    found = ca.store.find(old.issuer, old.serial)
    assert found is not None
    assert found.revocation is not None
    assert (found.revocation.reason, found.revocation.by) == ("superseded", "renewal")
    assert new.serial in found.revocation.note
    assert status(ca, new) is Status.GOOD
    assert waiting(ca) == []


def test_nothing_happens_before_the_grace_is_over(ca: Authority) -> None:
    old, _ = renewed(ca, due=(NOW + DAY).date())
    assert superseder(ca).run() == 0
    assert status(ca, old) is Status.GOOD
    ca.now += DAY
    assert superseder(ca).run() == 1
    assert status(ca, old) is Status.REVOKED


def test_what_became_due_while_nobody_ran_is_caught_up(ca: Authority) -> None:
    old, _ = renewed(ca)
    ca.now += timedelta(days=40)
    assert superseder(ca).run() == 1
    assert status(ca, old) is Status.REVOKED


@pytest.mark.parametrize("fate", ["keyCompromise", "certificateHold"])
def test_a_predecessor_lives_on_if_its_successor_does_not(ca: Authority, fate: str) -> None:
    old, new = renewed(ca)
    ca.revoke(new, fate)
    assert superseder(ca).run() == 0
    assert status(ca, old) is Status.GOOD
    assert waiting(ca) == []


def test_a_predecessor_lives_on_if_its_successor_never_came_on_record(ca: Authority) -> None:
    old = ca.issue()
    ca.store.remember(Supersession(NOW.date(), ca.issuer.id, old.serial, "25aa" + "00" * 17, ca.issuer.id))
    assert superseder(ca).run() == 0
    assert status(ca, old) is Status.GOOD


def test_a_predecessor_that_is_not_on_record_is_crossed_off(ca: Authority) -> None:
    new = ca.issue()
    ca.store.remember(Supersession(NOW.date(), ca.issuer.id, "25aa" + "00" * 17, new.serial, ca.issuer.id))
    superseder(ca).run()
    assert waiting(ca) == []


def test_an_earlier_revocation_keeps_its_reason(ca: Authority) -> None:
    old, _ = renewed(ca)
    ca.revoke(old, "keyCompromise")
    superseder(ca).run()
    found = ca.store.find(old.issuer, old.serial)
    assert found is not None
    assert found.revocation is not None
    assert found.revocation.reason == "keyCompromise"


def test_a_run_that_was_cut_off_is_finished_by_the_next(ca: Authority) -> None:
    pairs = [renewed(ca) for _ in range(3)]
    watched = WatchedStore(ca.store)
    calls = iter([None, StoreUnavailable("away")])

    def away() -> None:
        error = next(calls, None)
        if error:
            raise error

    watched.before["set_revocation"] = away
    cut = Superseder(ca.store, ca.store, ca.service(watched), lambda: ca.now)
    with pytest.raises(StoreUnavailable):
        cut.run()
    assert superseder(ca).run() == 2
    assert [status(ca, old) for old, _ in pairs] == [Status.REVOKED] * 3
    assert waiting(ca) == []


def test_two_runs_at_once_revoke_once(ca: Authority) -> None:
    old, _ = renewed(ca)
    watched = WatchedStore(ca.store)
    watched.before["set_revocation"] = lambda: superseder(ca).run()
    Superseder(ca.store, ca.store, ca.service(watched), lambda: ca.now).run()
    assert status(ca, old) is Status.REVOKED
    ca.publisher.publish()
    assert ca.listed() == {old.serial: "superseded"}
    assert waiting(ca) == []
