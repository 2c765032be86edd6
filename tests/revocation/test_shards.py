"""Shards: what they list, when they are published, which counts stay, and what a publisher that dies leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.asn1 import oids
from shared.errors import IssuanceFault, StoreUnavailable
from shared.revocation.reconciliation import Reconciler
from shared.revocation.scopes import CRLPlan, shards
from shared.store.memory import MemoryStore
from shared.store.ports import CertificateRecord, Revocation, RevocationChange
from shared.x509.crl_extensions import issuing_distribution_point
from shared.x509.crl_outline import read_outline
from shared.x509.extensions import crl_distribution_points
from tests.ca.stores import Crash
from tests.revocation.authority import LIFE, MINUTE, SECOND, Authority
from tests.revocation.views import WatchedPublications
from tests.scep.authority import DAY, NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def ca() -> Authority:
    return Authority(plan=CRLPlan(LIFE, shards=4))


def publish(ca: Authority) -> None:
    """As after a change: a message that no CRL covers."""
    ca.now += SECOND
    assert ca.publisher.publish_change(ca.now)


def numbers(ca: Authority, count: int = 4) -> list[int]:
    return [ca.crl(scope.name).number for scope in shards(ca.issuer, count)]


def in_shard(ca: Authority, number: int) -> CertificateRecord:
    """A fresh certificate that falls into a shard."""
    while True:
        record = ca.issue()
        if ca.shard(record).endswith(f"/4-{number}.crl"):
            return record


def test_a_first_edition_has_every_shard(ca: Authority) -> None:
    ca.publisher.publish()
    assert numbers(ca) == [ca.crl().number] * 4
    assert ca.publisher.covers_shards()
    for scope in shards(ca.issuer, 4):
        assert (ca.crl(scope.name).this_update, len(ca.crl(scope.name))) == (NOW - 10 * MINUTE, 0)
        assert f"{scope.name}.pem" in ca.publications.headers


def test_the_idp_is_the_cdp_byte_for_byte_and_critical(ca: Authority) -> None:
    record = ca.issue()
    ca.publisher.publish()
    url = f"http://pki.example.org/{ca.shard(record)}"
    point = crl_distribution_points((url,)).value
    assert ca.certificate(record).extensions[oids.CRL_DISTRIBUTION_POINTS] == (False, point)
    found = ca.publications.read(ca.shard(record))
    assert found is not None
    outline = read_outline(found.data)
    assert outline.extensions[oids.ISSUING_DISTRIBUTION_POINT] == (
        True,
        issuing_distribution_point(url).value,
    )
    assert outline.distribution_point == url
    assert outline.distribution_point.encode() in point


def test_the_full_crl_has_no_idp_and_every_entry(ca: Authority) -> None:
    records = [ca.issue() for _ in range(12)]
    for record in records:
        ca.revoke(record)
    publish(ca)
    full = ca.publications.read(ca.publisher.name)
    assert full is not None
    assert oids.ISSUING_DISTRIBUTION_POINT not in read_outline(full.data).extensions
    assert ca.listed().keys() == {record.serial for record in records}
    listed = [ca.listed(scope.name) for scope in shards(ca.issuer, 4)]
    assert sorted(serial for each in listed for serial in each) == sorted(ca.listed())
    assert all(record.serial in ca.listed(ca.shard(record)) for record in records)


def test_a_change_publishes_its_own_shard_and_the_full_crl_and_no_other(ca: Authority) -> None:
    ca.publisher.publish()
    before = numbers(ca)
    ca.now += HOUR
    ca.revoke(in_shard(ca, 2))
    publish(ca)
    after = numbers(ca)
    assert [a != b for a, b in zip(after, before, strict=True)] == [False, False, True, False]
    ca.now += MINUTE
    ca.revoke(in_shard(ca, 1))
    publish(ca)
    assert numbers(ca)[2] == after[2], "its change row is read again, and changes nothing"


def test_a_lifted_hold_leaves_its_shard(ca: Authority) -> None:
    record = ca.issue()
    ca.revoke(record, "certificateHold")
    publish(ca)
    assert ca.listed(ca.shard(record)) == {record.serial: "certificateHold"}
    ca.now += HOUR
    ca.lift(record)
    publish(ca)
    assert ca.listed(ca.shard(record)) == ca.listed() == {}


def test_all_shards_are_published_at_half_life_however_often_the_full_crl_was(ca: Authority) -> None:
    ca.publisher.publish()
    first = ca.crl().this_update
    record = in_shard(ca, 0)
    for _ in range(5):
        ca.now += 7 * HOUR
        ca.revoke(record, "certificateHold")
        ca.lift(record)
        publish(ca)
        assert not ca.publisher.is_due()
    ca.now = first + LIFE / 2
    assert ca.publisher.is_due()
    ca.publisher.publish()
    assert numbers(ca)[1:] == [ca.crl().number] * 3
    young = ca.crl(next(shards(ca.issuer, 4)).name).this_update
    assert young > ca.now - LIFE / 4, "one that changed lately may wait"
    ca.now = young + LIFE / 2 - SECOND
    assert not ca.publisher.is_due()
    ca.now += SECOND
    assert ca.publisher.is_due()


def test_shards_that_are_switched_on_hold_what_was_revoked_before() -> None:
    ca = Authority()
    records = [ca.issue() for _ in range(6)]
    for record in records:
        ca.revoke(record)
    publish(ca)
    ca.now += 20 * DAY  # long after their change rows were read
    ca.publisher.publish()
    ca.replan(shards=8)
    assert not ca.publisher.covers_shards()
    assert ca.publisher.is_due()
    ca.publisher.publish()
    assert all(record.serial in ca.listed(ca.shard(record)) for record in records)


@pytest.mark.parametrize("count", [0, 8])
def test_a_count_that_was_used_stays_published(ca: Authority, count: int) -> None:
    record = ca.issue()
    ca.publisher.publish()
    ca.replan(shards=count)
    ca.now += HOUR
    ca.revoke(record)
    publish(ca)
    assert ca.shard_counts() == {4, count} - {0}
    assert ca.listed(ca.shard(record, 4)) == {record.serial: "keyCompromise"}
    ca.now += 3 * DAY
    ca.publisher.publish()
    assert numbers(ca, 4) == [ca.crl().number] * 4


def test_a_count_is_retired_once_its_last_certificate_has_ended_and_not_before(ca: Authority) -> None:
    ca.publisher.publish()
    ca.now += DAY
    last = ca.issue(ends=NOW + 30 * DAY)
    ca.publisher.publish()
    ca.replan(shards=2)
    ca.now += 10 * DAY
    ca.issue(ends=NOW + 300 * DAY)  # names shards of 2
    for days in (20, 29):
        ca.now = NOW + days * DAY
        ca.publisher.publish()
        assert reconcile(ca).retired == []
    ca.now = NOW + 31 * DAY
    assert reconcile(ca).retired == [], "no CRL was issued after its end"
    ca.publisher.publish()
    assert reconcile(ca).retired == [4]
    assert reconcile(ca).retired == []
    before = numbers(ca, 4)
    ca.now += DAY
    ca.publisher.publish()
    assert numbers(ca, 4) == before
    assert numbers(ca, 2) == [ca.crl().number] * 2
    assert last.not_after < ca.now


def test_counts_in_use_survive_the_loss_of_the_full_crl(ca: Authority) -> None:
    record = ca.issue(ends=NOW + 30 * DAY)
    ca.revoke(record)
    ca.publisher.publish()
    ca.replan(shards=0)
    ca.now += DAY
    ca.publisher.publish()
    del ca.publications._blobs[ca.publisher.name]
    ca.now += DAY
    ca.publisher.publish()
    assert numbers(ca) == [ca.crl().number] * 4
    assert ca.listed(ca.shard(record, 4)) == {record.serial: "keyCompromise"}
    ca.now = NOW + 31 * DAY
    ca.publisher.publish()
    assert reconcile(ca).retired == [4]


def test_a_count_is_kept_as_long_as_promises_may_be_kept(ca: Authority) -> None:
    """A certificate that was promised may come on record a day later, and a worker may not know of the new settings."""
    ca.publisher.publish()
    ca.replan(shards=2)
    retired = []
    for days in (1, 6, 8):
        ca.now = NOW + days * DAY
        ca.publisher.publish()
        retired += [(days, count) for count in reconcile(ca).retired]
    assert retired == [(8, 4)]


def reconcile(ca: Authority) -> Any:
    return Reconciler(ca.publisher, ca.store, lambda: ca.now).run()


def test_an_expired_entry_has_been_on_a_crl_of_its_shard_after_its_end_before_it_leaves(
    ca: Authority,
) -> None:
    record = ca.issue(ends=NOW + 10 * DAY)
    ca.revoke(record)
    ca.publisher.publish()
    seen: list[tuple[bool, bool]] = []
    ca.now = NOW + 10 * DAY
    for _ in range(4):
        ca.now += 12 * HOUR
        ca.revoke(in_shard(ca, 3 if "4-3" not in ca.shard(record) else 0))
        publish(ca)  # the full CRL; the record's shard is not touched
        seen.append((record.serial in ca.listed(), record.serial in ca.listed(ca.shard(record))))
    assert seen == [(True, True)] * 4, "no CRL of its shard has been issued after its end"
    ca.publisher.publish()
    assert record.serial in ca.listed(ca.shard(record))
    ca.now += 2 * DAY
    ca.publisher.publish()
    assert record.serial not in ca.listed()
    assert record.serial not in ca.listed(ca.shard(record))


@pytest.mark.parametrize("dies_before", ["shard", "shard's copy", "full"])
def test_a_publisher_that_dies_between_scopes_is_made_up_for(ca: Authority, dies_before: str) -> None:
    ca.publisher.publish()
    ca.now += HOUR
    one, other = in_shard(ca, 1), in_shard(ca, 2)
    for record in (one, other):
        ca.revoke(record)
    changed_at, ca.now = ca.now, ca.now + SECOND
    doomed = {
        "shard": ca.shard(other),
        "shard's copy": f"{ca.shard(other)}.pem",
        "full": ca.publisher.name,
    }[dies_before]
    view = WatchedPublications(ca.publications)

    def crash(name: str) -> None:
        if name == doomed:
            raise Crash

    view.before_put = crash
    with pytest.raises(Crash):
        ca.publisher_over(view).publish_change(changed_at)
    assert ca.listed() == {}, "the full CRL comes last"
    assert ca.listed(ca.shard(one)) == {one.serial: "keyCompromise"}
    first = numbers(ca)
    ca.now += SECOND
    assert ca.publisher.publish_change(changed_at), "what no full CRL has is not covered"
    assert ca.listed().keys() == {one.serial, other.serial}
    assert ca.listed(ca.shard(other)) == {other.serial: "keyCompromise"}
    assert numbers(ca)[1] == first[1], "what is right already is not signed again"
    for scope in shards(ca.issuer, 4):
        copy = ca.publications.stat(f"{scope.name}.pem")
        assert copy is not None
        assert int(copy.metadata["number"]) == ca.crl(scope.name).number


def test_a_round_that_was_cut_off_goes_on_where_it_ended(ca: Authority) -> None:
    ca.publisher.publish()
    ca.now += 2 * DAY
    view = WatchedPublications(ca.publications)
    remaining = iter(range(5))

    def away(name: str) -> None:
        if name.endswith(".crl") and next(remaining, None) is None:
            raise StoreUnavailable("away")

    view.before_put = lambda name: away(name) if next(remaining, None) is None else None
    with pytest.raises(StoreUnavailable):
        ca.publisher_over(view).publish()
    assert ca.publisher.is_due()
    done = numbers(ca)
    ca.now += MINUTE
    ca.publisher.publish()
    assert not ca.publisher.is_due()
    assert len(set(numbers(ca))) == 2
    assert numbers(ca)[0] == done[0]


class Watched(MemoryStore):
    """`after_changes` runs after change rows have been read, with how often that was."""

    def __init__(self) -> None:
        super().__init__()
        self.readings, self.after_changes = 0, dict[int, Callable[[], object]]()

    def changes(self, issuer: str, since: datetime) -> Iterator[RevocationChange]:
        yield from list(super().changes(issuer, since))
        self.readings += 1
        self.after_changes.pop(self.readings, lambda: None)()


@pytest.mark.parametrize("sleeps_after", [1, 2, "the shard was read", "all was read"])
@pytest.mark.parametrize("dies", [True, False])
def test_a_slow_publisher_does_not_put_an_old_state_back_into_a_shard(
    sleeps_after: object, dies: bool
) -> None:
    """It sleeps somewhere, while another lifts the hold that it has read of, and publishes. Even if it dies before the
    full CRL, the shard must not be what it was."""
    store = Watched()
    ca = Authority(plan=CRLPlan(LIFE, shards=4), store=store)
    record = ca.issue()
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(record, "certificateHold")
    ca.now += 5 * SECOND
    meanwhile = iter([True])

    def lift() -> None:
        if next(meanwhile, False):
            ca.now += MINUTE
            ca.lift(record)
            publish(ca)
            assert ca.listed(ca.shard(record)) == {}

    def before_put(name: str) -> None:
        if sleeps_after == "all was read":
            lift()
        if dies and name == ca.publisher.name:
            raise Crash

    view = WatchedPublications(ca.publications)
    view.before_put = before_put
    view.after_stat = lambda name: (
        lift() if sleeps_after == "the shard was read" and name == ca.shard(record) else None
    )
    if isinstance(sleeps_after, int):
        store.readings, store.after_changes = 0, {sleeps_after: lift}
    with suppress(Crash):
        ca.publisher_over(view).publish_change(ca.now - 5 * SECOND)
    assert next(meanwhile, True) is True
    assert ca.listed(ca.shard(record)) == ca.listed() == {}


def test_a_loser_makes_good_what_it_put_into_a_shard(ca: Authority) -> None:
    """It read the full CRL and slept for hours. What another mended meanwhile is in no change row, and the change rows
    that led the loser to the shard are not read again."""
    mended, other = in_shard(ca, 1), in_shard(ca, 1)
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(other)
    changed_at, ca.now = ca.now, ca.now + 5 * SECOND
    view = WatchedPublications(ca.publications)
    meanwhile = iter([True])

    def reconcile(name: str) -> None:
        if name == ca.publisher.name and next(meanwhile, False):
            ca.now += 3 * HOUR
            ca.publisher.publish({mended.serial: Revocation("superseded", NOW, "reconciliation")})

    view.after_read = reconcile
    ca.publisher_over(view).publish_change(changed_at)
    expected = {mended.serial: "superseded", other.serial: "keyCompromise"}
    assert ca.listed() == expected
    assert ca.listed(ca.shard(mended)) == expected


@pytest.mark.parametrize("spoilt", [{}, {"number": "x"}, {"number": "5", "this_update": "soon"}])
def test_a_shard_that_we_did_not_publish_stops_the_publisher(ca: Authority, spoilt: dict[str, str]) -> None:
    ca.publisher.publish()
    name = next(shards(ca.issuer, 4)).name
    ca.publications.put(name, b"junk", content_type="x/y", max_age=1, metadata=spoilt, overwrite=True)
    with pytest.raises(IssuanceFault, match="not a CRL that we published"):
        ca.publisher.publish()
