"""Deliveries: fetched with their own key, while their certificate lives, until acknowledged or expired."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ChallengeRejected, Conflict, PolicyViolation, StoreUnavailable, UnknownCertificate
from shared.pfx.delivery_keys import DeliveryKeys
from shared.scep.challenges.sealed import SealedChallenges
from shared.store.deliveries import Act
from shared.store.orders import OrderEntry
from shared.store.ports import Status
from tests.pfx.world import NOW, PKCSWorld, mail
from tests.scep.challenge_material import make_promise

SOURCE = "198.51.100.7"


@pytest.fixture
def entry(world: PKCSWorld) -> OrderEntry:
    return world.serve()


def fetch(world: PKCSWorld, entry: OrderEntry, key: str | None = None) -> bytes:
    return world.deliveries.fetch(entry.delivery, key or world.keys.seal(entry.delivery), source=SOURCE)


def acknowledge(world: PKCSWorld, entry: OrderEntry, key: str | None = None) -> None:
    world.deliveries.acknowledge(entry.delivery, key or world.keys.seal(entry.delivery), source=SOURCE)


def acts(world: PKCSWorld, entry: OrderEntry) -> list[tuple[Act, str]]:
    days = [NOW.date() + timedelta(days=number) for number in range(100)]
    return [(act.act, act.source) for act in world.acts.of(entry.delivery, days)]


def test_every_fetch_is_on_record(world: PKCSWorld, entry: OrderEntry) -> None:
    assert fetch(world, entry) == fetch(world, entry)
    assert acts(world, entry) == [(Act.FETCHED, SOURCE)] * 2


def test_what_cannot_be_put_on_record_is_not_given_out(
    world: PKCSWorld, entry: OrderEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(world.acts, "note", away)
    with pytest.raises(StoreUnavailable):
        fetch(world, entry)


def test_each_delivery_has_keys_of_its_own(world: PKCSWorld, entry: OrderEntry) -> None:
    other = world.serve(mail(id="order-2"))
    for key in ("", "x", "é", world.keys.seal(other.delivery), "x" * 5000):
        for act in (fetch, acknowledge):
            with pytest.raises(ChallengeRejected):
                act(world, entry, key or "-")
    assert fetch(world, entry) != fetch(world, other)


def test_a_key_is_checked_before_it_is_told_whether_there_is_anything(world: PKCSWorld) -> None:
    with pytest.raises(ChallengeRejected):
        world.deliveries.fetch("pkcs-nothing", "wrong", source=SOURCE)
    with pytest.raises(UnknownCertificate):
        world.deliveries.fetch("pkcs-nothing", world.keys.seal("pkcs-nothing"), source=SOURCE)


def test_keys_rotate_and_are_of_no_other_use() -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    key = DeliveryKeys([old]).seal("pkcs-1")
    DeliveryKeys([new, old]).check("pkcs-1", key)
    with pytest.raises(ChallengeRejected):
        DeliveryKeys([new]).check("pkcs-1", key)
    with pytest.raises(ChallengeRejected):
        SealedChallenges([old]).open(key)
    with pytest.raises(ChallengeRejected):
        DeliveryKeys([old]).check("pkcs-1", SealedChallenges([old]).mint(make_promise()))
    for wrong in ([], [b"short"]):
        with pytest.raises(ValueError, match="key"):
            DeliveryKeys(wrong)
    assert "pkcs" not in repr(DeliveryKeys([old]))


@given(st.text(max_size=200), st.text(max_size=50))
def test_no_text_is_a_key(key: str, delivery: str) -> None:
    with pytest.raises(ChallengeRejected):
        DeliveryKeys([Fernet.generate_key()]).check(delivery, key)


def test_what_is_not_on_record_is_not_served(world: PKCSWorld, entry: OrderEntry) -> None:
    record = world.records()[0]
    world.scep.store._certificates.clear()
    with pytest.raises(UnknownCertificate, match="not on record yet"):
        fetch(world, entry)
    world.scep.store.commit(record)
    assert fetch(world, entry)


@pytest.mark.parametrize(("reason", "state"), [("certificateHold", "held"), ("keyCompromise", "revoked")])
def test_what_is_not_live_is_not_served(world: PKCSWorld, entry: OrderEntry, reason: str, state: str) -> None:
    record = world.records()[0]
    world.scep.revocations.revoke(record.issuer, record.serial, reason, by="tests")
    with pytest.raises(PolicyViolation, match=f"is {state}"):
        fetch(world, entry)
    assert acts(world, entry) == []
    if state == "held":
        world.scep.revocations.lift(record.issuer, record.serial)
        assert fetch(world, entry)


def test_an_acknowledged_one_is_over_and_its_content_gone(world: PKCSWorld, entry: OrderEntry) -> None:
    fetch(world, entry)
    for _ in range(2):
        acknowledge(world, entry)
    with pytest.raises(UnknownCertificate, match="over"):
        fetch(world, entry)
    assert world.store.blobs[entry.delivery].content == b""
    # Within one second, which is which is not told.
    assert {act for act, _ in acts(world, entry)} == {Act.FETCHED, Act.ACKNOWLEDGED}
    assert world.records()[0].status is Status.GOOD


def test_an_acknowledgement_that_loses_a_race_looks_again(
    world: PKCSWorld, entry: OrderEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    close, tries = world.store.close, []

    def lose_once(delivery: object) -> None:
        tries.append(delivery)
        if len(tries) == 1:
            raise Conflict("close: changed")
        close(delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(world.store, "close", lose_once)
    acknowledge(world, entry)
    assert len(tries) == 2
    assert world.store.blobs[entry.delivery].over


def test_an_expired_one_is_not_served_and_is_purged(world: PKCSWorld, entry: OrderEntry) -> None:
    fetch(world, entry)
    world.scep.now += timedelta(days=7) - timedelta(seconds=1)
    assert fetch(world, entry)
    assert world.deliveries.purge(100) == 0
    world.scep.now += timedelta(seconds=1)
    with pytest.raises(UnknownCertificate, match="over"):
        fetch(world, entry)
    assert world.deliveries.purge(100) == 1
    assert list(world.store.all()) == []
    assert [act for act, _ in acts(world, entry)] == [Act.FETCHED, Act.FETCHED, Act.EXPIRED]
    assert world.records()[0].status is Status.GOOD


def test_what_nobody_fetched_takes_its_certificate_with_it(world: PKCSWorld, entry: OrderEntry) -> None:
    world.scep.now += timedelta(days=7)
    assert world.deliveries.purge(100) == 1
    record = world.records()[0]
    assert record.revocation is not None
    assert (record.status, record.revocation.reason) == (Status.REVOKED, "cessationOfOperation")
    assert (record.revocation.by, entry.delivery in record.revocation.note) == ("deliveries", True)


def test_an_acknowledged_one_is_purged_at_its_time_and_its_certificate_lives(
    world: PKCSWorld, entry: OrderEntry
) -> None:
    acknowledge(world, entry)
    assert world.deliveries.purge(100) == 0
    world.scep.now += timedelta(days=7)
    assert world.deliveries.purge(100) == 1
    assert world.records()[0].status is Status.GOOD
    assert list(world.store.all()) == []


def test_a_purge_that_is_cut_off_begins_again(
    world: PKCSWorld, entry: OrderEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.scep.now += timedelta(days=7)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "remove", lambda _: (_ for _ in ()).throw(StoreUnavailable("away")))
        with pytest.raises(StoreUnavailable):
            world.deliveries.purge(100)
    assert world.deliveries.purge(100) == 1
    assert world.records()[0].status is Status.REVOKED


def test_some_at_a_time(world: PKCSWorld) -> None:
    for number in range(5):
        world.serve(mail(id=f"order-{number}"))
    world.scep.now += timedelta(days=8)
    assert [world.deliveries.purge(2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_delivery_without_a_certificate_of_ours(world: PKCSWorld) -> None:
    made = world.deliveries.put("pfx-1", b"content")
    assert world.deliveries.fetch("pfx-1", world.keys.seal("pfx-1"), source="") == b"content"
    with pytest.raises(Conflict):
        world.deliveries.put("pfx-1", b"another")
    world.deliveries.withdraw(world.deliveries.find("pfx-1") or made)
    with pytest.raises(UnknownCertificate, match="over"):
        world.deliveries.fetch("pfx-1", world.keys.seal("pfx-1"), source="")
    world.scep.now += timedelta(days=7)
    assert world.deliveries.purge(10) == 1
