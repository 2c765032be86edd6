"""A damaged blob stops the publisher, and is never the beginning of a wrong CRL."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta

import pytest

from shared.errors import IssuanceFault
from shared.revocation.labels import Label, Ledger, Use
from shared.revocation.scopes import CRLPlan
from tests.revocation.authority import LIFE, MINUTE, Authority
from tests.scep.authority import DAY, NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def ca() -> Authority:
    ca = Authority(plan=CRLPlan(LIFE, delta_life=4 * HOUR))
    for _ in range(5):
        ca.revoke(ca.issue())
    ca.publisher.publish()
    ca.now += HOUR
    ca.revoke(ca.issue())
    ca.publisher.publish()
    return ca


def put(ca: Authority, name: str, data: bytes, metadata: Mapping[str, str]) -> None:
    ca.publications.put(name, data, content_type="x/y", max_age=1, metadata=metadata, overwrite=True)


@pytest.mark.parametrize("which", ["full", "delta"])
def test_octets_that_changed_on_the_way_are_noticed(ca: Authority, which: str) -> None:
    name = ca.publisher.name if which == "full" else ca.delta_name
    found = ca.publications.read(name)
    assert found is not None
    dice = random.Random(7)
    ca.now += HOUR
    for _ in range(400):
        octets = bytearray(found.data)
        change = dice.randrange(3)
        place = dice.randrange(len(octets))
        if change == 0:
            octets[place] ^= 1 << dice.randrange(8)
        elif change == 1:
            del octets[place:]
        else:
            octets[place:place] = dice.randbytes(dice.randrange(1, 9))
        put(ca, name, bytes(octets), found.metadata)
        before = dict(ca.publications._blobs)
        with pytest.raises(IssuanceFault, match="not a CRL that we published"):
            ca.publisher.publish()
        assert ca.publications._blobs == before


def test_a_ledger_comes_back_as_it_went() -> None:
    ledger = Ledger(NOW, NOW - MINUTE, {16: Use(NOW - DAY, NOW), 4: Use(NOW - 9 * DAY, NOW - 8 * DAY)})
    assert Ledger.read("x", ledger.metadata()) == ledger
    assert Ledger.read("x", Ledger(NOW, NOW).metadata()) == Ledger(NOW, NOW)
    label = Label(7, NOW, NOW + DAY, 12, "ab" * 32, deltas=True)
    assert Label.read("x", label.metadata()) == label
    assert Label.read("x", label.metadata() | ledger.metadata()) == label


@pytest.mark.parametrize(
    "changes",
    [
        {"cursor": "soon"},
        {"cursor": "2026-11-21T12:00:00"},
        {"oldest": "2026"},
        {"counts": "16"},
        {"counts": "16=2026-11-21T12:00:00+00:00"},
        {"counts": "x=2026-11-21T12:00:00+00:00~2026-11-21T12:00:00+00:00"},
    ],
)
def test_metadata_that_is_not_ours_is_noticed(ca: Authority, changes: dict[str, str]) -> None:
    found = ca.publications.read(ca.publisher.name)
    assert found is not None
    put(ca, ca.publisher.name, found.data, {**found.metadata, **changes})
    for act in (ca.publisher.publish, ca.publisher.is_due):
        with pytest.raises(IssuanceFault, match="not a CRL that we published"):
            act()


def test_what_the_first_version_published_is_built_upon() -> None:
    """Entries in the order of revocation, and a cursor as the only metadata."""
    ca = Authority()
    records = [ca.issue() for _ in range(4)]
    for record in records:
        ca.revoke(record)
    ca.publisher.publish()
    found = ca.publications.read(ca.publisher.name)
    assert found is not None
    put(ca, ca.publisher.name, found.data, {"cursor": found.metadata["cursor"]})
    assert ca.publisher.is_due()
    changed_at = ca.now - DAY
    assert not ca.publisher.publish_change(changed_at)
    ca.now += HOUR
    ca.publisher.publish()
    assert not ca.publisher.is_due()
    assert ca.listed().keys() == {record.serial for record in records}
