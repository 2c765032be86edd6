"""The transport under all storage clients: what goes over the line, what comes back, and which error says what."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from azure.core.exceptions import (
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from shared.store.transport import StorageTransport
from tests.commands.tls import tls_server
from tests.store.line import HANG_UP, Line, answer, serving


@pytest.fixture
def transport() -> Iterator[StorageTransport]:
    made = StorageTransport(read_seconds=5)
    with made:
        yield made


def get(line: Line, path: str = "/x") -> HttpRequest:
    return HttpRequest("GET", f"{line.url}{path}")


def test_the_answer_is_there_whole(transport: StorageTransport) -> None:
    with serving(answer(b"body", "201 Created", "ETag: 7", "Content-Type: text/plain")) as line:
        found = transport.send(get(line))
        assert (found.status_code, found.reason, found.content_type) == (201, "Created", "text/plain")
        assert (found.headers["etag"], found.headers.get("ETAG"), found.headers.get("x")) == ("7", "7", None)
        assert found.content == b"body" == found.read() == b"".join(found.iter_bytes())
        assert found.text() == "body"


def test_a_long_answer_comes_in_pieces_again(transport: StorageTransport) -> None:
    body = bytes(range(256)) * 10_000
    with serving(answer(body), answer(body)) as line:
        assert b"".join(transport.send(get(line), stream=True).iter_bytes()) == body
        assert b"".join(transport.send(get(line), stream=True).iter_raw()) == body


def test_the_target_goes_over_the_line_as_it_was_written(transport: StorageTransport) -> None:
    with serving(answer()) as line:
        transport.send(get(line, "/t(PartitionKey='a%3Db',RowKey='%27')?$filter=a%20eq%20@b&c=%2F"))
        assert line.requests[0].startswith(
            b"GET /t(PartitionKey='a%3Db',RowKey='%27')?$filter=a%20eq%20@b&c=%2F HTTP/1.1\r\n"
        )


def test_text_is_counted_in_octets(transport: StorageTransport) -> None:
    with serving(answer(), answer(), answer()) as line:
        transport.send(HttpRequest("PUT", line.url, content="Žižkov"))
        transport.send(HttpRequest("PUT", line.url, content=b"abc"))
        transport.send(HttpRequest("PUT", line.url))
        for sent, length, body in zip(line.requests, (8, 3, 0), ("Žižkov", "abc", ""), strict=True):
            assert sent.lower().count(b"content-length:") == 1
            assert f"content-length: {length}\r\n".encode() in sent.lower()
            assert sent.endswith(b"\r\n" + body.encode())


def test_a_connection_serves_again(transport: StorageTransport) -> None:
    with serving(*[answer()] * 5) as line:
        for _ in range(5):
            transport.send(get(line))
        assert (len(line.requests), line.connections) == (5, 1)


def test_a_connection_that_storage_has_closed_is_made_anew(transport: StorageTransport) -> None:
    with serving(answer(b"cut..."), answer()) as line:
        transport.send(get(line))
        time.sleep(0.05)
        assert transport.send(get(line)).status_code == 200
        assert line.connections == 2


@pytest.mark.parametrize("said", [HANG_UP, b"what?\r\n\r\n...", answer(b"1234567").replace(b"4567", b"...")])
def test_no_answer_or_half_of_one_may_have_been_carried_out(transport: StorageTransport, said: bytes) -> None:
    with serving(said) as line, pytest.raises(ServiceResponseError):
        transport.send(get(line))


def test_silence_ends_as_the_call_says(transport: StorageTransport) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        request = HttpRequest("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        started = time.monotonic()
        with pytest.raises(ServiceResponseTimeoutError):
            transport.send(request, read_timeout=0.1)
        assert time.monotonic() - started < 4


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nobody.invalid"])
def test_who_cannot_be_reached_was_not_asked(transport: StorageTransport, host: str) -> None:
    with pytest.raises(ServiceRequestError):
        transport.send(HttpRequest("GET", f"http://{host}/"))


def test_a_certificate_that_nobody_vouches_for_ends_it(transport: StorageTransport, tmp_path: Path) -> None:
    _, context = tls_server(tmp_path)
    with serving(answer(), tls=context) as line, pytest.raises(ServiceRequestError, match="certificate"):
        transport.send(get(line))
    assert line.requests == []


def test_over_tls_with_those_whom_the_world_trusts(
    transport: StorageTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = tls_server(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(path))
    with serving(answer(b"safe"), answer(b"safe"), tls=context) as line:
        assert [transport.send(get(line)).content for _ in range(2)] == [b"safe"] * 2
        assert line.connections == 1
        elsewhere = line.url.replace("127.0.0.1", "localhost")  # a name that the certificate does not have
        with pytest.raises(ServiceRequestError):
            transport.send(HttpRequest("GET", f"{elsewhere}/"))


def test_a_host_may_be_an_ipv6_address(transport: StorageTransport) -> None:
    with pytest.raises(ServiceRequestError, match="::1"):
        transport.send(HttpRequest("GET", "http://[::1]:1/"))


def test_a_redirection_is_the_callers_affair(transport: StorageTransport) -> None:
    with serving(answer(b"", "307 Temporary Redirect", "Location: http://127.0.0.1:1/")) as line:
        assert transport.send(get(line)).status_code == 307


def test_nothing_of_the_environment_is_asked(
    transport: StorageTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(answer()) as line:
        assert transport.send(get(line)).status_code == 200
