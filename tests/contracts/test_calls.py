"""Storage calls are what an enrolment costs: each method makes exactly one, counted below the SDK."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.azurite import Azurite
from shared.errors import Conflict
from shared.store.connection import StorageConnection
from shared.store.transport import StorageTransport
from shared.store.uses import TableUseCounter
from tests.contracts import examples
from tests.contracts.acts import ACTS
from tests.contracts.backend import Backend, in_azurite, table_store

pytestmark = pytest.mark.azurite


class CountingTransport(StorageTransport):
    """Counts the HTTP requests that leave, retries included."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.after_get: Callable[[], object] = lambda: None

    def send(self, request: Any, **options: Any) -> Any:
        self.requests.append(request.method)
        answer = super().send(request, **options)
        if request.method == "GET":
            self.after_get()
        return answer


@dataclass
class Counted:
    """A connection whose requests are counted since it was made or since `forget`."""

    connection: StorageConnection
    backend: Backend
    transport: CountingTransport

    @property
    def requests(self) -> list[str]:
        return self.transport.requests


@pytest.fixture
def counted(azurite: Azurite, connection: StorageConnection, unique_name: str) -> Iterator[Counted]:
    connection.create_missing(containers=(), private=())
    transport = CountingTransport()
    counting = StorageConnection.from_connection_string(
        azurite.connection_string, table_prefix=unique_name, transport=transport
    )
    yield Counted(counting, in_azurite(counting, unique_name), transport)
    transport.close()


@pytest.mark.parametrize(
    "act", [name for name in ACTS if name not in ("take", "take the last", "forget request")]
)
def test_every_method_is_one_call(counted: Counted, act: str) -> None:
    try:
        ACTS[act](counted.backend)
    except Conflict:
        assert act in (
            "set_revocation",
            "decide",
            "condemn",
        )  # there is no such row, which one call finds out
    assert len(counted.requests) == 1


def test_reading_what_is_there_is_one_call_too(counted: Counted) -> None:
    store, publications = counted.backend.store(), counted.backend.publications()
    for act in ("claim", "commit", "put"):
        ACTS[act](counted.backend)
    counted.requests.clear()
    assert store.find_claim(examples.claim().owner, examples.claim().identity)
    assert store.find(examples.ISSUER, examples.serial())
    assert list(store.owned_by(examples.claim().owner))
    assert publications.read("crl/a.crl")
    assert counted.requests == ["GET"] * 4


def test_a_revocation_is_one_call(counted: Counted) -> None:
    store = counted.backend.store()
    store.commit(examples.record())
    record = store.find(examples.ISSUER, examples.serial())
    assert record is not None
    counted.requests.clear()
    store.set_revocation(record, examples.revocation())
    assert counted.requests == ["PATCH"]


def test_a_pending_request_comes_and_goes_in_one_call_each(counted: Counted) -> None:
    pending = counted.backend.pending()
    pending.create(examples.pending())
    request = pending.find(examples.pending().id)
    assert request is not None
    pending.forget(pending.decide(request, examples.verdict()))
    assert counted.requests == ["POST", "GET", "PATCH", "POST"]
    assert list(pending.all()) == []


def test_a_conflict_is_one_call(counted: Counted) -> None:
    store = counted.backend.store()
    store.claim(examples.claim())
    counted.requests.clear()
    with pytest.raises(Conflict):
        store.claim(examples.claim())
    store.link(examples.claim().owner, examples.claim())
    assert counted.requests == ["POST"] * 2


def test_an_enrolment_is_two_calls_and_three_with_a_user(counted: Counted) -> None:
    store = table_store(counted.connection)
    store.claim(examples.claim())
    store.link("user:ann@example.org", examples.claim())
    store.commit(examples.record())
    assert counted.requests == ["POST"] * 3


def test_a_use_is_one_call_once_the_worker_knows_the_name(counted: Counted) -> None:
    uses = TableUseCounter(counted.connection.table("uses"))
    assert uses.take("kiosk", "request-1", 2)
    assert counted.requests == ["GET", "POST"]
    for identity, held in (("request-1", True), ("request-2", True), ("request-3", False)):
        counted.requests.clear()
        assert uses.take("kiosk", identity, 2) is held
        assert len(counted.requests) == 1


def test_a_crl_of_many_megabytes_is_one_call_each_way(counted: Counted) -> None:
    publications = counted.backend.publications()
    crl = bytes(40 * 2**20)
    publications.put("crl/a.crl", crl, content_type="application/pkix-crl", max_age=60)
    found = publications.read("crl/a.crl")
    assert found is not None
    assert found.data == crl
    assert counted.requests == ["PUT", "GET"]


def test_one_of_more_than_64_mib_comes_and_goes_in_pieces_and_whole(counted: Counted) -> None:
    """A CRL of a million entries has 50 MiB, and a third more in PEM. Nobody sees half of one."""
    publications = counted.backend.publications()
    crl = random.Random(1).randbytes(70 * 2**20)
    publications.put("crl/a.crl", crl, content_type="application/pkix-crl", max_age=60, metadata={"n": "1"})
    first = publications.read("crl/a.crl")
    assert first is not None
    assert first.data == crl
    assert len(counted.requests) > 2
    publications.put("crl/a.crl", b"another", content_type="x/y", max_age=60, replaces=first)
    with pytest.raises(Conflict):
        publications.put("crl/a.crl", crl, content_type="x/y", max_age=60, replaces=first)
    with pytest.raises(Conflict):
        publications.put("crl/a.crl", crl, content_type="x/y", max_age=60)
    found = publications.read("crl/a.crl")
    assert found is not None
    assert found.data == b"another"


def test_one_that_is_replaced_while_it_is_read_is_not_read_half(counted: Counted) -> None:
    publications = counted.backend.publications()
    publications.put("crl/a.crl", bytes(70 * 2**20), content_type="x/y", max_age=60)
    meanwhile = iter([True])

    def replaced() -> None:
        if next(meanwhile, False):
            publications.put("crl/a.crl", bytes(70 * 2**20), content_type="x/y", max_age=60, overwrite=True)

    counted.transport.after_get = replaced
    with pytest.raises(Conflict):
        publications.read("crl/a.crl")
