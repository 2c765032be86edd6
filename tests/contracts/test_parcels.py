"""ParcelStore, PrivateBlobs and PFXRequestLog, in memory and in Azurite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from local.azurite import Azurite
from shared.errors import Conflict, IssuanceFault, MalformedMessage
from shared.store.connection import StorageConnection
from shared.store.memory_parcels import MemoryParcelStore, MemoryPFXRequestLog, MemoryPrivateBlobs
from shared.store.parcel_table import TableParcelStore
from shared.store.parcels import Parcel, ParcelStore, PrivateBlobs, Purpose, SealedPassword
from shared.store.pfx_request_table import TablePFXRequestLog
from shared.store.pfx_requests import Part, PFXRequestEntry, PFXRequestLog, RequestState
from shared.store.private_blobs import StoragePrivateBlobs
from tests.ca.stores import in_threads

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PARCEL = Parcel(
    user="ann@example.org",
    thumbprint="ab" * 20,
    purpose=Purpose.ENCRYPTION,
    not_before=NOW - DAY,
    not_after=NOW + 365 * DAY,
    subject="CN=Änn,O=Example",
    password=SealedPassword("import", "v1", b"\x00sealed\xff"),
    blob="stored/a/b.pfx",
    size=3000,
    digest="cd" * 32,
    imported_at=NOW,
    imported_by="an administrator",
)
ENTRY = PFXRequestEntry("mdm", "request-1", "d" * 64, "ann@example.org", "dev1", NOW)
PARTS = (Part("ab" * 20, "smimeEncryption"), Part("cd" * 20, "smimeSigning", "Ünreadable."))


@dataclass(frozen=True)
class Stores:
    """Each call makes an adapter of its own over the same storage."""

    parcels: Callable[[], ParcelStore]
    blobs: Callable[[], PrivateBlobs]
    requests: Callable[[], PFXRequestLog]


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
def stores(request: pytest.FixtureRequest, unique_name: str) -> Iterator[Stores]:
    if request.param == "memory":
        parcels, blobs, requests = MemoryParcelStore(), MemoryPrivateBlobs(), MemoryPFXRequestLog()
        yield Stores(lambda: parcels, lambda: blobs, lambda: requests)
        return
    connection: StorageConnection = request.getfixturevalue("connection")
    connection.create_missing(tables=(), containers=(), private=[unique_name])
    yield Stores(
        lambda: TableParcelStore(connection.table("parcels")),
        lambda: StoragePrivateBlobs(connection.container(unique_name)),
        lambda: TablePFXRequestLog(connection.table("pfxrequests")),
    )


@pytest.fixture
def parcels(stores: Stores) -> ParcelStore:
    return stores.parcels()


@pytest.fixture
def blobs(stores: Stores) -> PrivateBlobs:
    return stores.blobs()


@pytest.fixture
def requests(stores: Stores) -> PFXRequestLog:
    return stores.requests()


def test_a_parcel_comes_back_as_it_went(parcels: ParcelStore) -> None:
    parcels.add(PARCEL)
    found = parcels.find(PARCEL.user, PARCEL.thumbprint)
    assert found == PARCEL
    assert found is not None
    assert found.etag
    assert parcels.find(PARCEL.user, "00" * 20) is None
    assert parcels.find("bob@example.org", PARCEL.thumbprint) is None


def test_a_user_has_a_thumbprint_once(parcels: ParcelStore) -> None:
    parcels.add(PARCEL)
    with pytest.raises(Conflict):
        parcels.add(replace(PARCEL, purpose=Purpose.SIGNING))
    parcels.add(replace(PARCEL, user="bob@example.org"))
    assert [each.purpose for each in parcels.all()] == [Purpose.ENCRYPTION] * 2


def test_twins_add_one(stores: Stores) -> None:
    found = in_threads([lambda: stores.parcels().add(PARCEL) for _ in range(6)])
    assert sorted(type(each).__name__ for each in found) == ["Conflict"] * 5 + ["NoneType"]


USERS = [
    "ann@example.org",
    "bob@example.org",
    "guest_x.com#ext#@example.org",
    "o'hara@example.org",
    "zoë@example.org",
]


def test_parcels_are_listed_by_user_and_thumbprint(parcels: ParcelStore) -> None:
    for user in reversed(USERS):
        for thumbprint in ("ff" * 20, "00" * 20):
            parcels.add(replace(PARCEL, user=user, thumbprint=thumbprint))
    for user in USERS:
        assert [each.thumbprint for each in parcels.of_user(user)] == ["00" * 20, "ff" * 20]
        assert {each.user for each in parcels.of_user(user)} == {user}
    listed = list(parcels.all())
    assert len(listed) == 10
    order = list(dict.fromkeys(each.user for each in listed))
    assert sorted(order) == sorted(USERS)
    for index, user in enumerate(order):
        assert list(dict.fromkeys(each.user for each in parcels.all(user))) == order[index:]
    assert list(parcels.of_user("ann@example.or")) == []


def test_a_password_is_replaced_where_nothing_changed_meanwhile(parcels: ParcelStore) -> None:
    parcels.add(PARCEL)
    found = parcels.find(PARCEL.user, PARCEL.thumbprint)
    assert found is not None
    password = SealedPassword("import", "v2", b"other")
    parcels.reseal(found, password)
    after = parcels.find(PARCEL.user, PARCEL.thumbprint)
    assert after == replace(PARCEL, password=password)
    with pytest.raises(Conflict):
        parcels.reseal(found, password)
    parcels.remove(PARCEL.user, PARCEL.thumbprint)
    assert after is not None
    with pytest.raises(Conflict):
        parcels.reseal(after, password)
    with pytest.raises(IssuanceFault):
        parcels.reseal(PARCEL, password)


def test_a_failure_is_noted_and_forgotten(parcels: ParcelStore) -> None:
    parcels.add(PARCEL)
    found = parcels.find(PARCEL.user, PARCEL.thumbprint)
    assert found is not None
    parcels.note_failure(found, "x" * 5000, NOW)
    failed = parcels.find(PARCEL.user, PARCEL.thumbprint)
    assert failed is not None
    assert (failed.failure, failed.failed_at) == ("x" * 500, NOW)
    with pytest.raises(Conflict):
        parcels.note_failure(found, "", None)
    parcels.note_failure(failed, "", None)
    assert parcels.find(PARCEL.user, PARCEL.thumbprint) == PARCEL


def test_removing_is_idempotent(parcels: ParcelStore) -> None:
    parcels.add(PARCEL)
    for _ in range(2):
        parcels.remove(PARCEL.user, PARCEL.thumbprint)
    assert list(parcels.all()) == []


def test_what_does_not_fit_is_refused(parcels: ParcelStore) -> None:
    with pytest.raises(MalformedMessage):
        parcels.add(replace(PARCEL, subject="x" * 40_000))


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_blob_comes_back_as_it_went(blobs: PrivateBlobs, size: int) -> None:
    blobs.put("stored/a.pfx", bytes(size))
    assert blobs.read("stored/a.pfx", 300_000) == bytes(size)
    blobs.put("stored/a.pfx", b"second")
    assert blobs.read("stored/a.pfx", 6) == b"second"


def test_more_than_was_asked_for_is_refused(blobs: PrivateBlobs) -> None:
    blobs.put("a", bytes(2048))
    with pytest.raises(MalformedMessage, match="more than 2047 bytes"):
        blobs.read("a", 2047)


@pytest.mark.parametrize("name", ["a", "a/b", "../x", "", "a//b", "x" * 2000])
def test_nothing_is_found_where_nothing_is(blobs: PrivateBlobs, name: str) -> None:
    assert blobs.read(name, 100) is None


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a b"])
def test_a_name_that_would_not_come_back_is_refused(blobs: PrivateBlobs, name: str) -> None:
    for write in (blobs.put, blobs.create):
        with pytest.raises(IssuanceFault):
            write(name, b"x")


def test_a_new_blob_must_be_new(stores: Stores) -> None:
    found = in_threads([lambda: stores.blobs().create("a", b"x") for _ in range(6)])
    assert sorted(type(each).__name__ for each in found) == ["Conflict"] * 5 + ["NoneType"]


def test_removing_a_blob_is_idempotent(blobs: PrivateBlobs) -> None:
    blobs.put("a", b"x")
    for _ in range(2):
        blobs.remove("a")
    assert blobs.read("a", 10) is None


def test_old_blobs_are_found_by_their_prefix(blobs: PrivateBlobs) -> None:
    for name in ("brought/b", "brought/a", "stored/a"):
        blobs.put(name, b"x")
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert list(blobs.older("brought/", soon)) == ["brought/a", "brought/b"]
    assert list(blobs.older("brought/", soon - timedelta(minutes=2))) == []


@pytest.mark.azurite
def test_no_stranger_reads_a_private_blob(azurite: Azurite, unique_name: str) -> None:
    connection = StorageConnection.from_connection_string(azurite.connection_string)
    connection.create_missing(
        tables=(), containers=[f"{unique_name}-pki"], private=[unique_name], public_containers=True
    )
    for container, status in ((f"{unique_name}-pki", 200), (unique_name, 403)):
        client = connection.container(container)
        client.upload_blob("a", b"x")
        try:
            with urlopen(f"{client.url}/a", timeout=10) as answer:
                assert answer.status == status
        except HTTPError as error:
            assert error.code == status
            error.close()
    connection.close()


def test_a_request_begins_once(stores: Stores) -> None:
    requests = stores.requests()
    assert requests.find("mdm", "request-1") is None
    found = in_threads([lambda: stores.requests().begin(ENTRY) for _ in range(6)])
    assert [each for each in found if each is not None] == [ENTRY] * 5
    assert requests.begin(replace(ENTRY, digest="other")) == ENTRY
    assert requests.begin(replace(ENTRY, caller="other")) is None


def test_what_became_of_it_comes_back_as_it_went(requests: PFXRequestLog) -> None:
    requests.begin(ENTRY)
    done = replace(ENTRY, state=RequestState.DELIVERED, recipient="25aa", parts=PARTS, ended_at=NOW)
    requests.deliver(done)
    assert requests.find("mdm", "request-1") == done
    assert list(requests.entries("mdm")) == list(requests.entries()) == [done]
    assert list(requests.entries("other")) == []


def test_a_failure_does_not_undo_a_delivery_but_the_other_way_round(requests: PFXRequestLog) -> None:
    requests.begin(ENTRY)
    failed = replace(ENTRY, state=RequestState.FAILED, failure="why", ended_at=NOW)
    assert requests.fail(failed) == failed
    assert requests.find("mdm", "request-1") == failed
    done = replace(ENTRY, state=RequestState.DELIVERED)
    requests.deliver(done)
    assert requests.fail(failed) == done
    assert requests.find("mdm", "request-1") == done


def test_a_failure_of_what_is_gone_is_a_conflict(requests: PFXRequestLog) -> None:
    with pytest.raises(Conflict):
        requests.fail(ENTRY)


def test_many_long_failures_fit(requests: PFXRequestLog) -> None:
    parts = tuple(Part(f"{number:040x}", "smimeEncryption", "é" * 1000) for number in range(64))
    requests.begin(ENTRY)
    requests.deliver(replace(ENTRY, parts=parts))
    found = requests.find("mdm", "request-1")
    assert found is not None
    assert len(found.parts) == 64


def test_old_requests_are_forgotten_some_at_a_time(requests: PFXRequestLog) -> None:
    for number in range(5):
        requests.begin(replace(ENTRY, id=f"r{number}", begun_at=NOW - number * DAY))
    assert requests.purge(NOW - 2 * DAY, 1) == 1
    assert requests.purge(NOW - 2 * DAY, 10) == 1
    assert [entry.id for entry in requests.entries()] == ["r0", "r1", "r2"]
