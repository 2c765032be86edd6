"""OrderLog: an order by its kind, its caller and the caller's id, once, whoever is first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import MalformedMessage
from shared.store.orders import OrderEntry, OrderLog, OrderState
from tests.contracts.backend import Backend
from tests.contracts.examples import AWKWARD_IDS, NOW, serial

DAY = timedelta(days=1)


def order(**changes: object) -> OrderEntry:
    usual = OrderEntry(
        kind="pkcs",
        caller="mdm",
        id="order-1",
        digest="ab" * 32,
        profile="mail",
        state=OrderState.ACCEPTED,
        requested_at=NOW,
        handled_at=NOW + timedelta(minutes=1),
        device="dev1",
        user="ann@example.org",
        delivery="pkcs-0a",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_the_first_word_counts_until_the_order_is_concluded(orders: OrderLog) -> None:
    assert orders.begin(order()) is None
    assert orders.begin(order(digest="cd" * 32)) == order()
    done = order(state=OrderState.DELIVERED, serial=serial())
    orders.conclude(done)
    assert orders.find("pkcs", "mdm", "order-1") == done
    assert orders.begin(order()) == done


def test_kinds_and_callers_do_not_share_ids(orders: OrderLog) -> None:
    for other in (order(), order(caller="mdm2"), order(kind="pfx"), order(id="order-10")):
        assert orders.begin(other) is None
    assert [entry.id for entry in orders.entries("pkcs")] == ["order-1", "order-10", "order-1"]
    assert list(orders.entries("pfx")) == [order(kind="pfx")]
    assert list(orders.entries("pk")) == []
    assert orders.find("pkcs", "nobody", "order-1") is None


def test_sixteen_threads_begin_and_exactly_one_is_first(backend: Backend) -> None:
    entries = [order(digest=f"{number:064x}") for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        before = list(threads.map(lambda entry: backend.orders().begin(entry), entries))
    (first,) = [entry for entry, found in zip(entries, before, strict=True) if found is None]
    assert all(found == first for found in before if found is not None)


@pytest.mark.parametrize("awkward", AWKWARD_IDS, ids=lambda text: ascii(text)[:20])
def test_awkward_ids_are_kept(orders: OrderLog, awkward: str) -> None:
    entry = order(caller=awkward, id=awkward, device=awkward, note=awkward)
    assert orders.begin(entry) is None
    assert orders.find("pkcs", awkward, awkward) == entry


def test_what_was_handled_long_ago_is_purged_some_at_a_time(orders: OrderLog) -> None:
    for number in range(5):
        orders.begin(order(id=str(number)))
    orders.begin(order(id="young", handled_at=NOW + DAY))
    orders.begin(order(id="0", kind="pfx"))
    assert orders.purge("pkcs", NOW, 100) == 0
    assert orders.purge("pkcs", NOW + DAY, 3) == 3
    assert orders.purge("pkcs", NOW + DAY, 100) == 2
    assert [entry.id for entry in orders.entries("pkcs")] == ["young"]
    assert len(list(orders.entries("pfx"))) == 1


def test_what_cannot_be_kept_is_refused(orders: OrderLog) -> None:
    with pytest.raises(MalformedMessage):
        orders.begin(order(note="x" * 70_000))
    assert orders.find("pkcs", "mdm", "order-1") is None
