"""DeliveryStore and DeliveryLog: one delivery by id, its content gone when it is over, and every fetch on record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from local.azurite import Azurite
from shared.errors import Conflict, IssuanceFault
from shared.store.connection import StorageConnection
from shared.store.deliveries import Act, Delivery, DeliveryAct, DeliveryLog, DeliveryStore
from shared.store.delivery_blobs import BlobDeliveryStore
from tests.contracts.backend import Backend
from tests.contracts.examples import ISSUER, NOW, serial

DAY = timedelta(days=1)


def delivery(identifier: str = "pkcs-0a", **changes: object) -> Delivery:
    usual = Delivery(identifier, b'{"pfx": "..."}', NOW, NOW + 7 * DAY, ISSUER, serial(), 3)
    return replace(usual, **changes)  # type: ignore[arg-type]


def act(**changes: object) -> DeliveryAct:
    usual = DeliveryAct("pkcs-0a", Act.FETCHED, NOW, "0a1b2c3d", "198.51.100.7")
    return replace(usual, **changes)  # type: ignore[arg-type]


def put(deliveries: DeliveryStore, **changes: object) -> Delivery:
    made = delivery(**changes)  # type: ignore[arg-type]
    deliveries.put(made)
    found = deliveries.find(made.id)
    assert found is not None
    return found


def test_a_delivery_comes_back_as_it_went_with_an_etag(deliveries: DeliveryStore) -> None:
    found = put(deliveries)
    assert found == delivery()
    assert found.etag


def test_one_without_a_certificate_of_ours_does_too(deliveries: DeliveryStore) -> None:
    assert put(deliveries, issuer="", serial="", attempt=0) == delivery(issuer="", serial="", attempt=0)


def test_an_id_is_taken_once(deliveries: DeliveryStore) -> None:
    put(deliveries)
    for again in (delivery(), delivery(content=b"other", attempt=4)):
        with pytest.raises(Conflict):
            deliveries.put(again)
    assert deliveries.find("pkcs-0a") == delivery()


def test_sixteen_threads_put_and_exactly_one_wins(backend: Backend) -> None:
    def attempt(number: int) -> bool:
        try:
            backend.deliveries().put(delivery(attempt=number))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(attempt, range(16)))
    assert won.count(True) == 1
    found = backend.deliveries().find("pkcs-0a")
    assert found is not None
    assert found.attempt == won.index(True)


def test_one_that_is_over_has_no_content_and_keeps_its_id(deliveries: DeliveryStore) -> None:
    deliveries.close(put(deliveries))
    assert deliveries.find("pkcs-0a") == delivery(content=b"", over=True)
    with pytest.raises(Conflict):
        deliveries.put(delivery())


def test_only_what_was_read_is_closed_or_removed(deliveries: DeliveryStore) -> None:
    read = put(deliveries)
    deliveries.close(read)
    for change in (deliveries.close, deliveries.remove):
        with pytest.raises(Conflict):
            change(read)
    now = deliveries.find("pkcs-0a")
    assert now is not None
    deliveries.remove(now)
    deliveries.remove(now)
    assert deliveries.find("pkcs-0a") is None
    with pytest.raises(Conflict):
        deliveries.close(now)


def test_all_are_listed_without_their_content(deliveries: DeliveryStore) -> None:
    put(deliveries, identifier="b")
    deliveries.close(put(deliveries, identifier="a"))
    listed = list(deliveries.all())
    assert listed == [delivery("a", content=b"", over=True), delivery("b", content=b"")]
    deliveries.remove(listed[1])
    assert [each.id for each in deliveries.all()] == ["a"]


@pytest.mark.parametrize("identifier", ["", "/x", "../owners", "a b", ".hidden", "é", "x" * 1025])
def test_what_could_be_no_id_is_none(deliveries: DeliveryStore, identifier: str) -> None:
    assert deliveries.find(identifier) is None
    with pytest.raises(IssuanceFault):
        deliveries.put(delivery(identifier))


@pytest.mark.azurite
def test_the_container_is_not_public_where_others_are(
    azurite: Azurite, connection: StorageConnection
) -> None:
    connection.create_missing(tables=(), public_containers=True)
    BlobDeliveryStore(connection.container("deliveries")).put(delivery("private"))
    for url in ("deliveries/private", "deliveries?restype=container&comp=list"):
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{azurite.blob_url}/{url}")
        refused.value.close()
        assert refused.value.code in (403, 404)
    BlobDeliveryStore(connection.container("deliveries")).remove(delivery("private"))


@pytest.mark.azurite
def test_a_blob_that_is_not_ours_is_a_fault(connection: StorageConnection, unique_name: str) -> None:
    container = connection.container(f"{unique_name}-deliveries")
    container.upload_blob("strange", b"x")
    container.upload_blob("newer", b"x", metadata={"schema_version": "999"})
    for name in ("strange", "newer"):
        with pytest.raises(IssuanceFault, match=name):
            BlobDeliveryStore(container).find(name)


def test_acts_come_back_by_delivery_and_day(delivery_log: DeliveryLog) -> None:
    acts = [
        act(),
        act(at=NOW + timedelta(minutes=1), source=""),
        act(at=NOW + timedelta(minutes=1), mark="ffffffff", act=Act.ACKNOWLEDGED),
    ]
    for each in (*reversed(acts), act(delivery="pkcs-0"), act(delivery="pkcs-0ab"), act(at=NOW + DAY)):
        delivery_log.note(each)
        delivery_log.note(each)
    assert list(delivery_log.of("pkcs-0a", [NOW.date()])) == acts
    both = [NOW.date() + DAY, NOW.date()]
    assert list(delivery_log.of("pkcs-0a", both)) == [act(at=NOW + DAY), *acts]
    assert list(delivery_log.of("pkcs-0a", [])) == []


def test_acts_of_long_ago_are_purged_some_at_a_time(delivery_log: DeliveryLog) -> None:
    for number in range(5):
        delivery_log.note(act(mark=f"{number:08x}"))
        delivery_log.note(act(mark=f"{number:08x}", at=NOW + DAY))
    assert delivery_log.purge(NOW.date(), 100) == 0
    assert delivery_log.purge(NOW.date() + DAY, 3) == 3
    assert delivery_log.purge(NOW.date() + DAY, 100) == 2
    assert len(list(delivery_log.of("pkcs-0a", [NOW.date(), NOW.date() + DAY]))) == 5
