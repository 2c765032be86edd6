"""When storage is away, slow or of another mind: the right error, in bounded time, and nothing done twice."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError

from local.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from shared.errors import Conflict, IssuanceFault, StoreUnavailable
from shared.store.connection import StorageConnection
from shared.store.transport import StorageTransport
from tests.contracts import examples
from tests.contracts.acts import ACTS
from tests.contracts.backend import Backend, in_azurite, table_store
from tests.contracts.scripted import Answer, ScriptedStorage

BOUND_SECONDS = 8


def connection_string(port: int) -> str:
    url = f"http://127.0.0.1:{port}/{ACCOUNT}"
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"BlobEndpoint={url};QueueEndpoint={url};TableEndpoint={url};"
    )


class ImpatientTransport(StorageTransport):
    """Does everything but wait between attempts."""

    def sleep(self, duration: float) -> None:
        pass


@contextmanager
def backend_at(port: int, transport: StorageTransport | None = None) -> Iterator[Backend]:
    transport = transport or ImpatientTransport()
    connection = StorageConnection.from_connection_string(connection_string(port), transport=transport)
    yield in_azurite(connection, "any")
    transport.close()


@pytest.fixture(scope="module")
def closed_port() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port: int = once.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        yield silent.getsockname()[1]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedStorage]:
    with ScriptedStorage() as storage:
        yield storage


@pytest.mark.parametrize("act", ["claim", "find", "take", "put", "read", "send"])
def test_a_closed_port_is_unavailable_soon(closed_port: int, act: str) -> None:
    started = time.monotonic()
    with backend_at(closed_port, StorageTransport()) as backend, pytest.raises(StoreUnavailable) as away:
        ACTS[act](backend)
    assert time.monotonic() - started < BOUND_SECONDS
    assert away.value.retry_after > 0
    assert "127.0.0.1" not in away.value.reason


@pytest.mark.parametrize("act", ACTS)
def test_every_method_says_that_storage_is_away(closed_port: int, act: str) -> None:
    with backend_at(closed_port) as backend, pytest.raises(StoreUnavailable):
        ACTS[act](backend)


@pytest.mark.parametrize("act", ["claim", "find", "send", "put", "read", "take"])
def test_silence_is_unavailable_soon(silent_port: int, act: str) -> None:
    transport = ImpatientTransport(read_seconds=0.1)
    with backend_at(silent_port, transport) as backend, pytest.raises(StoreUnavailable):
        ACTS[act](backend)


DELETES = ("forget", "settle", "drop")
TROUBLE = [
    Answer(500, "InternalError"),
    Answer(503, "ServerBusy"),
    Answer(429, "TooManyRequests"),
    Answer(403, "AuthorizationPermissionMismatch"),
    Answer(409, "TableBeingDeleted"),
    Answer(404, "AccountNotFound"),
    Answer(404, ""),
]


@pytest.mark.parametrize(
    ("act", "answer"),
    # What cannot be found is forgotten: a delete takes any 404 as done.
    [(act, answer) for act in ACTS for answer in TROUBLE if act not in DELETES or answer.status != 404],
    ids=lambda value: f"{value.status} {value.code}" if isinstance(value, Answer) else value,
)
def test_trouble_of_storage_is_unavailable(scripted: ScriptedStorage, act: str, answer: Answer) -> None:
    scripted.answers([answer])
    with backend_at(scripted.port) as backend, pytest.raises(StoreUnavailable):
        ACTS[act](backend)


@pytest.mark.parametrize("act", ["claim", "commit", "take", "find", "note_change", "set_revocation"])
@pytest.mark.parametrize("code", ["InvalidInput", "PropertyValueTooLarge", "OutOfRangeInput"])
def test_a_request_that_storage_calls_wrong_is_our_fault(
    scripted: ScriptedStorage, act: str, code: str
) -> None:
    scripted.answers([Answer(400, code)])
    with backend_at(scripted.port) as backend, pytest.raises(IssuanceFault):
        ACTS[act](backend)
    assert scripted.requests == 1


@pytest.mark.parametrize("in_header", [True, False])
def test_the_code_of_an_insert_is_found_in_header_and_body(
    scripted: ScriptedStorage, in_header: bool
) -> None:
    scripted.answers([Answer(409, "EntityAlreadyExists", code_in_header=in_header)])
    with backend_at(scripted.port) as backend:
        with pytest.raises(Conflict):
            backend.store().claim(examples.claim())
        backend.store().link("user:ann@example.org", examples.claim())


@pytest.mark.parametrize(
    ("stated", "retry_after"),
    [("7", 7), ("86400", 600), ("0", 1), ("Wed, 21 Oct 2015 07:28:00 GMT", 10), ("", 10)],
)
@pytest.mark.parametrize("act", ["find", "send"])
def test_storage_may_say_when_to_come_again(
    scripted: ScriptedStorage, act: str, stated: str, retry_after: int
) -> None:
    scripted.answers([Answer(503, "ServerBusy", {"Retry-After": stated} if stated else {})])
    started = time.monotonic()
    with backend_at(scripted.port, StorageTransport()) as backend, pytest.raises(StoreUnavailable) as away:
        ACTS[act](backend)
    assert away.value.retry_after == retry_after
    assert time.monotonic() - started < BOUND_SECONDS


@pytest.mark.parametrize("act", ["note_change", "remember", "forget"])
def test_a_moment_of_trouble_is_bridged(scripted: ScriptedStorage, act: str) -> None:
    scripted.answers([Answer(503, "ServerBusy"), Answer(500, "InternalError"), Answer(204)])
    with backend_at(scripted.port) as backend:
        ACTS[act](backend)
    assert scripted.requests == 3


def test_an_error_says_what_was_tried_and_nothing_of_whom(scripted: ScriptedStorage) -> None:
    scripted.answers([Answer(403, "AuthorizationFailure")])
    with backend_at(scripted.port) as backend, pytest.raises(StoreUnavailable) as away:
        backend.store().find_claim("user:ann@example.org", "challenge-1")
    assert away.value.reason == "find_claim: storage says 403 AuthorizationFailure"
    assert away.value.__suppress_context__


class LosesConfirmations(StorageTransport):
    """Sends the first request, and loses the connection before its answer arrives."""

    lost = 0

    def send(self, request: Any, **options: Any) -> Any:
        response = super().send(request, **options)
        if not self.lost:
            self.lost = 1
            raise ServiceResponseError("connection reset by peer")
        return response


@pytest.fixture
def forgetful(azurite: Azurite, connection: StorageConnection, unique_name: str) -> Iterator[Backend]:
    connection.create_missing(containers=(), private=())
    transport = LosesConfirmations()
    losing = StorageConnection.from_connection_string(
        azurite.connection_string, table_prefix=unique_name, transport=transport
    )
    yield in_azurite(losing, unique_name)
    assert transport.lost
    transport.close()


@pytest.mark.azurite
def test_an_unconfirmed_claim_meets_itself(forgetful: Backend) -> None:
    claim = examples.claim()
    with pytest.raises(Conflict):
        forgetful.store().claim(claim)
    assert forgetful.store().find_claim(claim.owner, claim.identity) == claim


@pytest.mark.azurite
def test_an_unconfirmed_use_is_counted_once(forgetful: Backend, backend: Backend) -> None:
    uses = forgetful.use_counter()
    assert uses.take("kiosk", "request-1", 2)
    assert uses.take("kiosk", "request-2", 2)
    assert not uses.take("kiosk", "request-3", 2)


@pytest.mark.azurite
@pytest.mark.parametrize("act", ["link", "note_change", "remember", "forget"])
def test_what_is_idempotent_succeeds_after_all(forgetful: Backend, act: str) -> None:
    ACTS[act](forgetful)


@pytest.mark.azurite
def test_a_missing_table_is_no_missing_row(azurite: Azurite) -> None:
    connection = StorageConnection.from_connection_string(
        azurite.connection_string, table_prefix="nobodycreatedthis"
    )
    store = table_store(connection)
    with pytest.raises(StoreUnavailable, match="TableNotFound"):
        store.find(examples.ISSUER, examples.serial())
    with pytest.raises(StoreUnavailable, match="TableNotFound"):
        store.claim(examples.claim())
    with pytest.raises(StoreUnavailable, match="ContainerNotFound"):
        in_azurite(connection, "nobody-created-this").publications().read("crl/a.crl")
    with pytest.raises(StoreUnavailable, match="QueueNotFound"):
        in_azurite(connection, "nobody-created-this").queue().send({"version": 1})
    connection.close()
