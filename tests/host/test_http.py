"""What a function sees of a request, and a caller of its answer, is what the real host makes of them."""

import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.host.process import HostProcess, running_host

pytestmark = [pytest.mark.host, pytest.mark.azurite]


def seen(host: HostProcess, path: str, **request: Any) -> dict[str, Any]:
    response = host.client.request(request.pop("method", "GET"), host.url + path, **request)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def raw(host: HostProcess, request: bytes) -> bytes:
    """Send bytes as they are and return the status line."""
    address = urlsplit(host.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        connection.sendall(request)
        return connection.recv(65536).split(b"\r\n")[0]


def test_header_names_are_lower_case_and_repeated_ones_joined(host: HostProcess) -> None:
    headers = [("X-One", "Value"), ("X-Many", "a"), ("x-many", "b")]
    found = seen(host, "/echo/a", headers=headers)["headers"]
    assert (found["x-one"], found["x-many"]) == ("Value", "a,b")


def test_query_is_decoded_but_the_url_keeps_it_raw(host: HostProcess) -> None:
    found = seen(host, "/echo/a?m=ab%2Bc%3D&n=a+b")
    assert found["params"] == {"m": "ab+c=", "n": "a b"}
    assert found["url"] == f"{host.url}/echo/a?m=ab%2Bc%3D&n=a+b"


def test_empty_query_values_vanish_and_repeated_ones_are_joined(host: HostProcess) -> None:
    assert seen(host, "/echo/a?empty=&bare&x=1&x=2&x=")["params"] == {"x": "1,2"}


def test_route_parameters_are_text(host: HostProcess) -> None:
    assert seen(host, "/echo/abc/7")["route"] == {"name": "abc", "number": "7"}
    assert seen(host, "/echo/abc")["route"] == {"name": "abc"}


@pytest.mark.parametrize("path", ["/echo/a1", "/echo/a/b", "/echo", "/echo/a/1/2", "/unknown"])
def test_a_path_that_no_template_takes_is_404(host: HostProcess, path: str) -> None:
    assert host.client.get(host.url + path).status_code == 404


def test_catch_all_takes_the_rest_of_the_path(host: HostProcess) -> None:
    assert seen(host, "/files/a%20b/c%2Fd")["route"] == {"rest": "a b/c%2Fd"}
    assert seen(host, "/files")["route"] == {}


def test_parameters_inside_a_segment(host: HostProcess) -> None:
    assert seen(host, "/crl/issuing.crl") == {"ca": "issuing"}
    assert seen(host, "/crl/issuing/16-3.crl") == {"ca": "issuing", "count": "16", "number": "3"}
    assert host.client.get(host.url + "/crl/issuing.cer").status_code == 404


def test_text_goes_before_constraint_before_parameter(host: HostProcess) -> None:
    answers = {
        "/items/special": "special",
        "/items/SPECIAL": "special",
        "/items/6f9619ff-8b86-d011-b42d-00c04fc964ff": "guid",
        "/items/17": "item 17",
    }
    assert {path: host.client.get(host.url + path).text for path in answers} == answers


def test_a_method_that_is_not_listed_is_404(host: HostProcess) -> None:
    assert host.client.delete(host.url + "/files/a").status_code == 404
    assert host.client.delete(host.url + "/echo/a").status_code == 200


def test_body_arrives_as_its_bytes_whatever_its_type(host: HostProcess) -> None:
    body = bytes(range(256))
    for kind in ("application/x-pki-message", "application/json", "text/plain"):
        found = seen(host, "/echo/a", method="POST", content=body, headers={"content-type": kind})
        assert bytes.fromhex(found["body"]) == body


def test_a_compressed_body_is_not_unpacked(host: HostProcess) -> None:
    found = seen(
        host, "/echo/a", method="POST", content=b"\x1f\x8b raw", headers={"content-encoding": "gzip"}
    )
    assert bytes.fromhex(found["body"]) == b"\x1f\x8b raw"


def test_a_chunked_body_arrives_empty(host: HostProcess) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    found = seen(host, "/echo/a", method="POST", content=chunks())
    assert (found["body"], found["headers"]["transfer-encoding"]) == ("", "chunked")
    assert seen(host, "/echo/b")["route"] == {"name": "b"}, "the connection is good for the next request"


def test_response_headers_collapse_to_the_last_but_cookies_repeat(host: HostProcess) -> None:
    response = host.client.get(host.url + "/headers")
    assert response.status_code == 201
    assert response.headers.get_list("link") == ["<two>"]
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert (response.headers["content-type"], response.content) == ("application/pkix-crl", b"\x30\x00")


def test_no_answer_is_500(host: HostProcess) -> None:
    response = host.client.get(host.url + "/nothing")
    assert (response.status_code, response.content) == (500, b"")


def test_text_answer_is_plain_text(host: HostProcess) -> None:
    response = host.client.get(host.url + "/items/1")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_an_exception_is_500_without_a_word_and_logged(host: HostProcess) -> None:
    response = host.client.get(host.url + "/fails")
    assert (response.status_code, response.content) == (500, b"")
    assert "a secret of the inside" in host.output()


def test_plain_functions_run_on_threads_and_coroutines_on_the_loop(host: HostProcess) -> None:
    assert seen(host, "/echo/a")["thread"].startswith("function")
    assert seen(host, "/files/a")["thread"] == "MainThread"


def test_context_names_the_invocation(host: HostProcess) -> None:
    first, second = seen(host, "/echo/a"), seen(host, "/echo/a")
    assert first["function"] == "echo"
    assert first["invocation"] != second["invocation"]
    assert "echo done in" in host.output()
    assert first["invocation"] in host.output()


def test_who_is_signed_in_cannot_be_forged(host: HostProcess) -> None:
    forged = {"X-MS-CLIENT-PRINCIPAL": "me", "x-ms-client-principal-name": "me", "X-Ms-Client": "kept"}
    found = seen(host, "/echo/a", headers=forged)["headers"]
    assert {name for name in found if name.startswith("x-ms")} == {"x-ms-client"}


def test_who_connected_is_the_last_hop(host: HostProcess) -> None:
    for given in ({}, {"X-Forwarded-For": "198.51.100.7"}):
        hops = seen(host, "/echo/a", headers=given)["headers"]["x-forwarded-for"].split(",")
        assert hops == [given.get("X-Forwarded-For", ""), "127.0.0.1"]


def test_function_keys_are_asked_for(host: HostProcess) -> None:
    master, given = str(host.ready["master_key"]), "the-function-key"
    offers: dict[str, dict[str, Any]] = {
        "none": {},
        "wrong": {"headers": {"x-functions-key": "no"}},
        "not ascii": {"params": {"code": "\u00e9"}},
        "header": {"headers": {"x-functions-key": given}},
        "query": {"params": {"code": given}},
        "master": {"headers": {"x-functions-key": master}},
    }
    codes = {
        path: [host.client.get(host.url + path, **offer).status_code for offer in offers.values()]
        for path in ("/keyed", "/restricted", "/items/1")
    }
    assert codes == {
        "/keyed": [401, 401, 401, 200, 200, 200],
        "/restricted": [401, 401, 401, 401, 401, 200],
        "/items/1": [200, 200, 200, 200, 200, 200],
    }


def test_function_key_of_the_settings_is_used(host: HostProcess) -> None:
    assert host.ready["function_key"] == "the-function-key"


def test_a_request_line_over_8192_bytes_is_414(host: HostProcess) -> None:
    room = 8192 - len("GET /echo/a?q= HTTP/1.1")
    codes = [host.client.get(f"{host.url}/echo/a?q={'x' * size}").status_code for size in (room, room + 1)]
    assert codes == [200, 414]


def test_longer_request_lines_on_request(host: HostProcess) -> None:
    arguments = ("--storage", str(host.ready["storage"]), "--max-request-line", "20000", "--no-timers")
    with running_host(*arguments, environment={"TEST_PREFIX": "longer"}) as generous:
        assert len(seen(generous, f"/echo/a?q={'x' * 15000}")["params"]["q"]) == 15000
        assert generous.client.get(f"{generous.url}/echo/a?q={'x' * 20000}").status_code == 414


def test_headers_over_32_kib_are_431(host: HostProcess) -> None:
    codes = [
        host.client.get(
            host.url + "/items/1", headers={f"x-{i}": "y" * 8000 for i in range(count)}
        ).status_code
        for count in (4, 5)
    ]
    assert codes == [200, 431]


def test_a_body_over_100_mib_is_413(host: HostProcess) -> None:
    head = b"POST /items/1 HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
    assert b" 413 " in raw(host, head % (100 * 1024 * 1024 + 1))
    # Within the limit the host reads on, and the missing body is the caller's affair.
    found = seen(host, "/echo/a", method="POST", content=bytes(2 * 1024 * 1024))
    assert len(found["body"]) == 2 * 2 * 1024 * 1024


def test_too_many_requests_are_429(host: HostProcess) -> None:
    codes: list[int] = []

    def ask() -> None:
        codes.append(httpx.get(host.url + "/rest?seconds=4", timeout=60, trust_env=False).status_code)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 12 + [429] * 4


def test_the_thread_pool_has_the_size_that_is_set(host: HostProcess) -> None:
    environment = {"TEST_PREFIX": "narrow", "PYTHON_THREADPOOL_THREAD_COUNT": "1"}
    with running_host(
        "--storage", str(host.ready["storage"]), "--no-timers", environment=environment
    ) as narrow:
        threads = [
            threading.Thread(target=httpx.get, args=(narrow.url + "/sleep?seconds=0.2",)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [entry.get("began", False) for entry in narrow.record("sleep")] == [True, False] * 3


def test_home_page_until_it_is_switched_off(host: HostProcess) -> None:
    assert host.client.get(host.url + "/").status_code == 200
    environment = {"TEST_PREFIX": "homeless", "AzureWebJobsDisableHomepage": "true"}
    with running_host(
        "--storage", str(host.ready["storage"]), "--no-timers", environment=environment
    ) as homeless:
        assert homeless.client.get(homeless.url + "/").status_code == 404


def test_only_this_machine_is_served(host: HostProcess) -> None:
    port = urlsplit(host.url).port or 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)
