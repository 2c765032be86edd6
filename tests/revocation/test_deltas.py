"""Deltas: what they list, from which base on, and that any complete CRL with the delta says what the newest says."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from shared.errors import IssuanceFault
from shared.revocation.labels import Label
from shared.revocation.scopes import CRLPlan, Scope, shards
from shared.store.ports import CertificateRecord
from shared.x509.crl import CertificateRevocationList
from shared.x509.crl_outline import read_outline
from tests.ca.stores import Crash
from tests.revocation.authority import LIFE, MINUTE, SECOND, Authority
from tests.revocation.views import WatchedPublications
from tests.scep.authority import DAY, NOW

HOUR = timedelta(hours=1)
PLAN = CRLPlan(LIFE, delta_life=4 * HOUR)
Listed = dict[str, str | None]


@pytest.fixture
def ca() -> Authority:
    return Authority(plan=PLAN)


def publish(ca: Authority) -> None:
    """As after a change: a message that no CRL covers."""
    ca.now += SECOND
    assert ca.publisher.publish_change(ca.now)


def listed(crl: CertificateRevocationList) -> Listed:
    return {entry.serial_hex: entry.reason for entry in crl.entries()}


def combined(complete: CertificateRevocationList, delta: CertificateRevocationList) -> Listed:
    """As a relying party does it (RFC 5280 5.2.4, 6.3.3). Fails the test if they do not fit together."""
    assert delta.base is not None
    assert complete.number >= delta.base
    if complete.number >= delta.number:
        return listed(complete)
    merged = listed(complete) | listed(delta)
    return {serial: reason for serial, reason in merged.items() if reason != "removeFromCRL"}


def test_complete_crl_and_delta_are_one_build(ca: Authority) -> None:
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(ca.issue())
    publish(ca)
    complete, delta = ca.crl(), ca.crl(ca.delta_name)
    assert complete.number == delta.number
    assert complete.this_update == delta.this_update
    assert delta.next_update == ca.now + 4 * HOUR
    assert complete.base is None
    assert f"{ca.delta_name}.pem" in ca.publications.headers


def test_the_complete_crl_says_where_the_delta_is_and_the_delta_does_not(ca: Authority) -> None:
    ca.publisher.publish()
    complete, delta = (ca.publications.read(name) for name in (ca.publisher.name, ca.delta_name))
    assert complete is not None
    assert delta is not None
    url = f"http://pki.example.org/{ca.delta_name}".encode()
    assert url in complete.data
    assert url not in delta.data
    ca.replan(delta_life=None)
    assert ca.publisher.is_due()
    ca.publisher.publish()
    assert url not in (ca.publications.read(ca.publisher.name) or delta).data


def test_a_delta_lists_what_changed_since_a_complete_crl_that_was_published(ca: Authority) -> None:
    before = ca.issue()
    ca.revoke(before)
    ca.publisher.publish()
    base = ca.crl().number
    ca.now += HOUR
    one = ca.issue()
    ca.revoke(one, "superseded")
    publish(ca)
    ca.now += HOUR
    two = ca.issue()
    ca.revoke(two)
    publish(ca)
    assert ca.crl(ca.delta_name).base == base
    assert ca.listed(ca.delta_name) == {one.serial: "superseded", two.serial: "keyCompromise"}
    assert ca.listed().keys() == {each.serial for each in (before, one, two)}


def test_a_lifted_hold_is_removed_by_the_delta(ca: Authority) -> None:
    record = ca.issue()
    ca.revoke(record, "certificateHold")
    ca.publisher.publish()
    ca.now += HOUR
    ca.lift(record)
    publish(ca)
    assert ca.listed(ca.delta_name) == {record.serial: "removeFromCRL"}
    assert ca.listed() == {}
    first = ca.crl(ca.delta_name)
    ca.now += HOUR
    publish(ca)
    assert list(ca.crl(ca.delta_name).entries()) == list(first.entries()), "it stays, with its time"
    ca.now += HOUR
    ca.revoke(record)
    publish(ca)
    assert ca.listed(ca.delta_name) == {record.serial: "keyCompromise"}


def test_a_hold_that_came_and_went_since_the_base_is_removed_too(ca: Authority) -> None:
    """Somebody may have the complete CRL from between."""
    ca.publisher.publish()
    record = ca.issue()
    ca.now += HOUR
    ca.revoke(record, "certificateHold")
    publish(ca)
    between = ca.crl()
    ca.now += HOUR
    ca.lift(record)
    publish(ca)
    assert ca.listed(ca.delta_name) == {record.serial: "removeFromCRL"}
    assert combined(between, ca.crl(ca.delta_name)) == {}


def test_an_entry_that_left_because_it_expired_is_not_removed_by_the_delta(ca: Authority) -> None:
    record = ca.issue(ends=NOW + DAY)
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(record)
    publish(ca)
    assert record.serial in ca.listed(ca.delta_name)
    ca.now = NOW + 2 * DAY + HOUR
    publish(ca)
    ca.now += DAY
    publish(ca)
    assert ca.listed() == {}
    assert ca.listed(ca.delta_name) == {}


@pytest.mark.parametrize("seed", range(4))
def test_every_complete_crl_that_has_not_ended_and_the_delta_are_the_newest_complete_crl(
    seed: int, ca: Authority
) -> None:
    """Weeks of revocations, holds and lifts, with publications at odd times."""
    chance = random.Random(seed)
    records: list[CertificateRecord] = []
    history: list[CertificateRevocationList] = []
    rebased: set[int | None] = set()
    for _ in range(60):
        ca.now += chance.choice([MINUTE, HOUR, 5 * HOUR, 11 * HOUR])
        for _ in range(chance.randrange(3)):
            records.append(ca.issue())
            ca.revoke(records[-1], chance.choice(["certificateHold", "superseded"]))
        for record in chance.sample(records, min(2, len(records))):
            if ca.listed().get(record.serial) == "certificateHold" if history else False:
                chance.choice([ca.lift, ca.revoke])(record)
        publish(ca) if chance.random() < 0.5 else ca.publisher.publish()
        delta = ca.crl(ca.delta_name)
        rebased.add(delta.base)
        history = [crl for crl in history if crl.next_update >= ca.now]
        assert [combined(crl, delta) for crl in history] == [ca.listed()] * len(history)
        history.append(ca.crl())
    assert len(rebased) > 2
    assert len(ca.listed(ca.delta_name)) < len(records), "the base moves on"


def test_a_base_is_always_a_complete_crl_that_was_published(ca: Authority) -> None:
    published = set()
    for _ in range(20):
        ca.now += 13 * HOUR
        ca.revoke(ca.issue())
        publish(ca)
        published.add(ca.crl().number)
        assert ca.crl(ca.delta_name).base in published


def test_deltas_are_due_at_half_of_their_own_life(ca: Authority) -> None:
    ca.publisher.publish()
    ca.now = ca.crl().this_update + 2 * HOUR - SECOND
    assert not ca.publisher.is_due()
    ca.now += SECOND
    assert ca.publisher.is_due()


def test_a_delta_that_missed_builds_begins_anew(ca: Authority) -> None:
    ca.publisher.publish()
    ca.replan(delta_life=None)
    ca.now += HOUR
    missed = ca.issue()
    ca.revoke(missed)
    publish(ca)
    base = ca.crl()
    ca.replan(delta_life=4 * HOUR)
    assert ca.publisher.is_due()
    ca.now += HOUR
    ca.revoke(ca.issue())
    publish(ca)
    delta = ca.crl(ca.delta_name)
    assert delta.base == base.number
    assert combined(base, delta) == ca.listed()


@pytest.mark.parametrize("then", ["revoked", "lifted"])
def test_a_publisher_that_dies_between_delta_and_complete_crl_is_made_up_for(
    ca: Authority, then: str
) -> None:
    record = ca.issue()
    ca.publisher.publish()
    history = [ca.crl()]
    ca.now += HOUR
    ca.revoke(record, "certificateHold")
    view = WatchedPublications(ca.publications)

    def crash(name: str) -> None:
        if name == ca.publisher.name:
            raise Crash

    view.before_put = crash
    ca.now += SECOND
    with pytest.raises(Crash):
        ca.publisher_over(view).publish_change(ca.now)
    ahead = ca.crl(ca.delta_name)
    assert ahead.number > ca.crl().number
    assert combined(history[0], ahead) == {record.serial: "certificateHold"}
    if then == "lifted":
        ca.lift(record)
    publish(ca)
    delta = ca.crl(ca.delta_name)
    assert delta.number == ca.crl().number > ahead.number
    assert ca.listed() == ({} if then == "lifted" else {record.serial: "certificateHold"})
    assert combined(history[0], delta) == ca.listed()


def test_shards_have_deltas_of_their_own(ca: Authority) -> None:
    ca.replan(shards=2)
    records = [ca.issue() for _ in range(6)]
    ca.publisher.publish()
    history = {scope: ca.crl(scope.name) for scope in shards(ca.issuer, 2)}
    ca.now += HOUR
    for record in records:
        ca.revoke(record, "certificateHold")
    publish(ca)
    ca.now += HOUR
    for record in records[:4]:
        ca.lift(record)
    publish(ca)
    for scope, base in history.items():
        delta = ca.publications.read(scope.delta_name)
        assert delta is not None
        assert read_outline(delta.data).distribution_point == scope.distribution_point
        assert read_outline(delta.data).base == base.number
        assert combined(base, ca.crl(scope.delta_name)) == ca.listed(scope.name)
        assert ca.crl(scope.name).number == ca.crl(scope.delta_name).number


@pytest.mark.parametrize(
    "spoilt", ["junk", "complete", "base", "older", "following", "no metadata", "another's"]
)
def test_a_delta_that_we_did_not_publish_stops_the_publisher(ca: Authority, spoilt: str) -> None:
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(ca.issue())
    publish(ca)
    found = ca.publications.read(ca.delta_name)
    complete = ca.publications.read(ca.publisher.name)
    assert found is not None
    assert complete is not None
    stranger = Authority("p-384", plan=PLAN)
    stranger.publisher.publish()
    data = {"junk": b"junk", "complete": complete.data}.get(spoilt, found.data)
    if spoilt == "another's":
        data = (stranger.publications.read(stranger.delta_name) or found).data
    metadata = dict(found.metadata)
    changes = {"base": {"base": "5"}, "older": {"older": "9"}, "following": {"following_ends": "2026-11-22"}}
    metadata |= changes.get(spoilt, {})
    metadata = {} if spoilt == "no metadata" else metadata
    ca.publications.put(ca.delta_name, data, content_type="x/y", max_age=1, metadata=metadata, overwrite=True)
    before = ca.crl()
    with pytest.raises(IssuanceFault, match="not a CRL that we published"):
        ca.publisher.publish()
    assert ca.crl() == before


def test_the_label_of_a_delta_says_what_is_in_it(ca: Authority) -> None:
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(ca.issue())
    publish(ca)
    status = ca.publications.stat(Scope.whole(ca.issuer).delta_name)
    assert status is not None
    delta = ca.crl(ca.delta_name)
    assert Label.read("delta", status.metadata) == Label(
        delta.number, delta.this_update, delta.next_update, len(delta)
    )
