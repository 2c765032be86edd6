"""The three states and the ways between them; each act once or often, and never half."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import Conflict, PolicyViolation, StoreUnavailable, UnknownCertificate
from shared.revocation.crl_requests import PUBLISH_DELAY
from shared.revocation.service import REASONS
from shared.store.ports import CertificateRecord, RevocationChange, Status
from tests.ca.stores import Crash, WatchedStore
from tests.revocation.authority import MINUTE, SECOND, Authority
from tests.scep.authority import NOW


@pytest.fixture
def ca() -> Authority:
    return Authority()


@pytest.fixture
def record(ca: Authority) -> CertificateRecord:
    return ca.issue()


def stored(ca: Authority, record: CertificateRecord) -> CertificateRecord:
    found = ca.store.find(record.issuer, record.serial)
    assert found is not None
    return found


def changes(ca: Authority) -> list[RevocationChange]:
    return list(ca.store.changes(ca.issuer.id, NOW - MINUTE))


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_leads_to_its_state(ca: Authority, record: CertificateRecord, reason: str) -> None:
    revoked = ca.revocations.revoke(record.issuer, record.serial, reason, by="ann", note="lost")
    assert revoked == stored(ca, record)
    assert revoked.status is (Status.HELD if reason == "certificateHold" else Status.REVOKED)
    revocation = revoked.revocation
    assert revocation is not None
    assert (revocation.reason, revocation.at, revocation.by, revocation.note) == (reason, NOW, "ann", "lost")
    assert revoked.certificate == record.certificate


def test_a_hold_is_lifted_and_can_be_put_again(ca: Authority, record: CertificateRecord) -> None:
    for _ in range(2):
        assert ca.revoke(record, "certificateHold").status is Status.HELD
        assert ca.lift(record).status is Status.GOOD
    assert stored(ca, record).revocation is None


def test_what_is_held_can_be_revoked_with_a_new_reason_and_time(
    ca: Authority, record: CertificateRecord
) -> None:
    ca.revoke(record, "certificateHold")
    ca.now += MINUTE
    revoked = ca.revoke(record, "keyCompromise").revocation
    assert revoked is not None
    assert (revoked.reason, revoked.at) == ("keyCompromise", NOW + MINUTE)


@pytest.mark.parametrize("again", ["superseded", "certificateHold", "keyCompromise"])
def test_revoked_is_final(ca: Authority, record: CertificateRecord, again: str) -> None:
    first = ca.revoke(record)
    ca.now += MINUTE
    assert ca.revoke(record, again) == first
    with pytest.raises(PolicyViolation, match="final") as refusal:
        ca.lift(record)
    assert "final" in refusal.value.public
    assert stored(ca, record) == first


def test_the_same_act_again_changes_nothing(ca: Authority, record: CertificateRecord) -> None:
    held = ca.revoke(record, "certificateHold")
    ca.now += MINUTE
    assert ca.revoke(record, "certificateHold") == held
    good = ca.lift(record)
    assert ca.lift(record) == good
    assert len(ca.queue.sent) == 2


@pytest.mark.parametrize("serial", ["25aa" + "00" * 17, "00", ""])
def test_what_is_not_on_record_is_unknown(ca: Authority, serial: str) -> None:
    with pytest.raises(UnknownCertificate):
        ca.revocations.revoke(ca.issuer.id, serial, "keyCompromise", by="tests")
    with pytest.raises(UnknownCertificate):
        ca.revocations.lift(ca.issuer.id, serial)
    assert changes(ca) == []
    assert ca.queue.sent == []


@pytest.mark.parametrize("reason", ["", "KeyCompromise", "removeFromCRL", "cACompromise", "x" * 5000])
def test_other_reasons_are_refused_by_listing_those_there_are(
    ca: Authority, record: CertificateRecord, reason: str
) -> None:
    with pytest.raises(PolicyViolation, match="certificateHold") as refusal:
        ca.revoke(record, reason)
    assert "superseded" in refusal.value.public
    assert len(refusal.value.reason) < 300
    assert stored(ca, record).status is Status.GOOD


def test_a_revocation_asks_for_a_crl_a_little_later(ca: Authority, record: CertificateRecord) -> None:
    ca.revoke(record)
    assert ca.queue.sent == [
        ({"version": 1, "issuer": ca.issuer.id, "changedAt": (NOW + 2 * SECOND).isoformat()}, PUBLISH_DELAY)
    ]


def test_the_change_row_says_what_the_crl_will_say(ca: Authority, record: CertificateRecord) -> None:
    revoked = ca.revoke(record)
    assert changes(ca) == [RevocationChange(ca.issuer.id, record.serial, NOW, revoked.revocation)]


def crash() -> None:
    raise Crash


@pytest.mark.parametrize(
    ("when", "call", "state"),
    [
        ("before", "note_change", Status.GOOD),
        ("after", "note_change", Status.GOOD),
        ("before", "set_revocation", Status.GOOD),
        ("after", "set_revocation", Status.REVOKED),
    ],
)
def test_a_revocation_that_was_cut_off_is_whole_after_the_next_try(
    ca: Authority, record: CertificateRecord, when: str, call: str, state: Status
) -> None:
    watched = WatchedStore(ca.store)
    getattr(watched, when)[call] = crash
    with pytest.raises(Crash):
        ca.service(watched).revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    assert stored(ca, record).status is state
    assert bool(changes(ca)) or state is Status.GOOD, "a revoked record has its change row"
    ca.revoke(record)
    assert stored(ca, record).status is Status.REVOKED
    assert [change.serial for change in changes(ca)] == [record.serial]
    assert ca.queue.sent, "a CRL was asked for"


def test_the_record_is_merged_last(ca: Authority, record: CertificateRecord) -> None:
    """A revoked certificate that no CRL will list must not exist, however a worker ends."""
    seen: dict[str, Any] = {}
    watched = WatchedStore(ca.store)
    watched.before["set_revocation"] = lambda: seen.update(rows=changes(ca), sent=list(ca.queue.sent))
    ca.service(watched).revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    assert [change.serial for change in seen["rows"]] == [record.serial]
    assert len(seen["sent"]) == 1


def test_a_store_that_fails_in_between_is_told_and_can_be_tried_again(
    ca: Authority, record: CertificateRecord
) -> None:
    watched = WatchedStore(ca.store)

    def away() -> None:
        raise StoreUnavailable("away")

    watched.before["set_revocation"] = away
    with pytest.raises(StoreUnavailable):
        ca.service(watched).revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    ca.now += SECOND
    assert ca.revoke(record).status is Status.REVOKED


def test_a_conflict_is_tried_again_here(ca: Authority, record: CertificateRecord) -> None:
    watched = WatchedStore(ca.store)
    moved = iter([True, True])

    def somebody_else() -> None:
        if next(moved, False):
            current = stored(ca, record)
            ca.store.set_revocation(current, None)  # the same state, another ETag

    watched.before["set_revocation"] = somebody_else
    revoked = ca.service(watched).revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    assert revoked.status is Status.REVOKED
    assert watched.calls["set_revocation"] == 3


def test_conflicts_without_end_are_given_up(ca: Authority, record: CertificateRecord) -> None:
    watched = WatchedStore(ca.store)
    watched.before["set_revocation"] = lambda: ca.store.set_revocation(stored(ca, record), None)
    with pytest.raises(Conflict, match="being changed by others"):
        ca.service(watched).revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    assert watched.calls["set_revocation"] < 10
    assert [change.revocation for change in changes(ca)] == [None], "the change row says what is on record"
