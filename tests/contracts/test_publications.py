"""PublicationStore: whole blobs, compare-and-swap, headers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

from local.azurite import Azurite
from shared.errors import Conflict, IssuanceFault
from shared.store.blobs import BlobPublicationStore
from shared.store.connection import StorageConnection
from shared.store.memory import MemoryPublicationStore
from shared.store.ports import PublicationStatus, PublicationStore, PublishedObject
from tests.contracts.backend import Backend

NAME = "crl/00112233aabbccdd.crl"


def put(
    store: PublicationStore,
    data: bytes,
    *,
    name: str = NAME,
    metadata: dict[str, str] | None = None,
    replaces: PublishedObject | PublicationStatus | None = None,
    overwrite: bool = False,
) -> None:
    store.put(
        name,
        data,
        content_type="application/pkix-crl",
        max_age=600,
        metadata=metadata,
        replaces=replaces,
        overwrite=overwrite,
    )


def read(store: PublicationStore, name: str = NAME) -> PublishedObject:
    found = store.read(name)
    assert found is not None
    return found


def test_a_blob_comes_back_with_its_metadata(publications: PublicationStore) -> None:
    metadata = {"cursor": "2026-03-01T12:30:15+00:00", "crl_number": "7"}
    put(publications, b"crl", metadata=metadata)
    found = read(publications)
    assert (found.data, dict(found.metadata)) == (b"crl", metadata)
    assert found.etag


def test_nothing_is_found_where_nothing_is(publications: PublicationStore) -> None:
    assert publications.read(NAME) is None
    assert publications.stat(NAME) is None


def test_what_is_said_of_a_blob_without_its_bytes(publications: PublicationStore) -> None:
    put(publications, b"0123456789", metadata={"cursor": "1"})
    status, found = publications.stat(NAME), read(publications)
    assert status is not None
    assert (dict(status.metadata), status.etag, status.size) == ({"cursor": "1"}, found.etag, 10)
    assert status.modified is not None
    assert status.modified == found.modified
    assert abs(datetime.now(UTC) - status.modified) < timedelta(minutes=5)


def test_what_was_looked_at_is_as_good_to_replace_as_what_was_read(publications: PublicationStore) -> None:
    put(publications, b"first")
    status = publications.stat(NAME)
    put(publications, b"second", replaces=status)
    with pytest.raises(Conflict):
        put(publications, b"third", replaces=status)
    assert read(publications).data == b"second"


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_any_size_comes_back(publications: PublicationStore, size: int) -> None:
    put(publications, bytes(size))
    assert read(publications).data == bytes(size)


def test_a_new_blob_must_be_new(publications: PublicationStore) -> None:
    put(publications, b"first")
    with pytest.raises(Conflict):
        put(publications, b"second")
    assert read(publications).data == b"first"


def test_a_blob_replaces_exactly_the_one_that_was_read(publications: PublicationStore) -> None:
    put(publications, b"first", metadata={"cursor": "1"})
    first = read(publications)
    put(publications, b"second", replaces=first)
    second = read(publications)
    assert (second.data, dict(second.metadata)) == (b"second", {})
    with pytest.raises(Conflict):
        put(publications, b"third", replaces=first)
    assert read(publications) == second


def test_what_is_not_there_cannot_be_replaced(publications: PublicationStore) -> None:
    put(publications, b"first")
    with pytest.raises(Conflict):
        put(publications, b"second", name="crl/other.crl", replaces=read(publications))
    assert publications.read("crl/other.crl") is None


def test_overwrite_asks_nothing(publications: PublicationStore) -> None:
    put(publications, b"first", overwrite=True)
    first = read(publications)
    put(publications, b"second", overwrite=True)
    put(publications, b"third", overwrite=True, replaces=first)
    assert read(publications).data == b"third"


@pytest.mark.parametrize("new", [True, False])
def test_sixteen_threads_publish_and_exactly_one_wins(backend: Backend, new: bool) -> None:
    if not new:
        put(backend.publications(), b"before")
    before = backend.publications().read(NAME)

    def attempt(number: int) -> bool:
        try:
            put(backend.publications(), bytes([number]), replaces=before)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(attempt, range(16)))
    assert won.count(True) == 1
    assert read(backend.publications()).data == bytes([won.index(True)])


@pytest.mark.parametrize(
    "name",
    ["", "/crl", "crl/", "../owners", "crl/../../owners/x", "crl//x", ".hidden", "a b", "é", "x" * 1025],
)
def test_a_name_that_could_lead_elsewhere_is_none(publications: PublicationStore, name: str) -> None:
    assert publications.read(name) is None
    assert publications.stat(name) is None
    with pytest.raises(IssuanceFault):
        put(publications, b"data", name=name)


@pytest.mark.parametrize(
    "metadata",
    [{"Cursor": "1"}, {"a-b": "1"}, {"cursor": ""}, {"cursor": " 1"}, {"cursor": "é"}, {"c": "x" * 9000}],
)
def test_metadata_that_would_not_come_back_is_refused(
    publications: PublicationStore, metadata: dict[str, str]
) -> None:
    with pytest.raises(IssuanceFault):
        put(publications, b"data", metadata=metadata)
    assert publications.read(NAME) is None


def test_memory_says_what_http_would() -> None:
    store = MemoryPublicationStore()
    put(store, b"crl")
    assert store.headers[NAME] == {"Content-Type": "application/pkix-crl", "Cache-Control": "max-age=600"}


@pytest.mark.azurite
def test_anyone_reads_a_public_container_with_the_right_headers(
    azurite: Azurite, connection: StorageConnection, unique_name: str
) -> None:
    container = f"{unique_name}-public"
    connection.create_missing(tables=(), containers=[container], public_containers=True)
    put(BlobPublicationStore(connection.container(container)), b"crl")
    with urlopen(f"{azurite.blob_url}/{container}/{NAME}") as response:
        assert response.read() == b"crl"
        assert response.headers["Content-Type"] == "application/pkix-crl"
        assert response.headers["Cache-Control"] == "max-age=600"
