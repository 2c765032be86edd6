"""SCEP over HTTP at its edges, through the real host: every form of message that clients send, every wrong one."""

from __future__ import annotations

import base64
import http.client
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import quote

import pytest

from commands.scep_device import Device
from shared.cms.signing import parse_degenerate
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate
from tests.e2e.host import Host
from tests.e2e.messages import Message, enrolment

pytestmark = pytest.mark.host

OPERATION = "operation=PKIOperation"


@pytest.fixture
def message(host: Host) -> Message:
    """The enrolment of a device of its own, ready to be sent."""
    subject = f"CN=edge-{secrets.token_hex(4)}"
    return enrolment(host, subject, host.challenge(subject))


def get(host: Host, query: str) -> tuple[int, bytes]:
    """GET exactly this query, which no library touches: the status and the body."""
    with closing(http.client.HTTPConnection("127.0.0.1", host.site.port, timeout=30)) as connection:
        connection.request("GET", f"/scep/device?{query}")
        answer = connection.getresponse()
        return answer.status, answer.read()


def lines(text: str) -> str:
    return "%0A".join(text[start : start + 64] for start in range(0, len(text), 64))


FORMS: dict[str, Callable[[str], str]] = {
    "percent-encoded": lambda text: quote(text, safe=""),
    "bare plus": lambda text: text,
    "plus as a space": lambda text: text.replace("+", "%20"),
    "URL-safe alphabet": lambda text: text.replace("+", "-").replace("/", "_"),
    "line breaks": lines,
    "no padding": lambda text: quote(text.rstrip("="), safe=""),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_get_takes_every_form_of_base64(host: Host, message: Message, form: Callable[[str], str]) -> None:
    text = form(base64.b64encode(message.der).decode())
    status, body = get(host, f"{OPERATION}&message={text}")
    assert status == 200
    assert message.read(body).status is PKIStatus.SUCCESS


def test_names_of_parameters_come_in_any_case_and_order(host: Host, message: Message) -> None:
    text = quote(base64.b64encode(message.der).decode(), safe="")
    _, body = get(host, f"MESSAGE={text}&Operation=pkioperation")
    assert message.read(body).status is PKIStatus.SUCCESS


@pytest.mark.parametrize("media_type", [None, "application/octet-stream", "text/plain"])
def test_post_does_not_look_at_the_media_type(host: Host, message: Message, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = host.http.post(f"/scep/device?{OPERATION}", content=message.der, headers=headers)
    assert message.read(answer.content).status is PKIStatus.SUCCESS


def test_a_chunked_post_is_asked_for_its_length(host: Host, message: Message) -> None:
    def chunks() -> Iterator[bytes]:
        yield message.der

    assert host.http.post(f"/scep/device?{OPERATION}", content=chunks()).status_code == 411


def speak(host: Host, head: str, body: bytes, *, first: bytes = b"") -> bytes:
    """Send a head and then a body, when `first` has come if that is given; returns the body of the answer."""
    with socket.create_connection(("127.0.0.1", host.site.port), timeout=30) as connection:
        connection.sendall(head.format(length=len(body)).replace("\n", "\r\n").encode())
        assert connection.recv(len(first)) == first
        connection.sendall(body)
        with connection.makefile("rb") as answer:
            return answer.read().partition(b"\r\n\r\n")[2]


def test_http_1_0_without_a_host_is_served(host: Host, message: Message) -> None:
    head = f"POST /scep/device?{OPERATION} HTTP/1.0\nContent-Length: {{length}}\n\n"
    assert message.read(speak(host, head, message.der)).status is PKIStatus.SUCCESS


def test_a_client_that_waits_to_be_told_to_continue_is_told(host: Host, message: Message) -> None:
    head = f"POST /scep/device?{OPERATION} HTTP/1.1\nHost: pki\nConnection: close\n"
    head += "Expect: 100-continue\nContent-Length: {length}\n\n"
    answer = speak(host, head, message.der, first=b"HTTP/1.1 100 Continue\r\n\r\n")
    assert message.read(answer).status is PKIStatus.SUCCESS


@pytest.mark.parametrize(
    ("size", "status"), [(64 * 1024, 400), (64 * 1024 + 1, 413)], ids=["as large as may be", "larger"]
)
def test_a_body_over_the_limit_is_refused(host: Host, size: int, status: int) -> None:
    answer = host.http.post(f"/scep/device?{OPERATION}", content=bytes(size))
    assert answer.status_code == status


def test_the_host_refuses_a_request_line_that_azure_would_not_take(host: Host) -> None:
    status, _ = get(host, f"{OPERATION}&message={'A' * 8192}")
    assert status == 414
    assert host.http.get("/scep/device", params={"operation": "GetCACaps"}).status_code == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/scep/device?operation=GetNextCACert", 404),
        ("/scep/device?operation=", 403),
        ("/scep/device", 403),
        ("/scep/no-such-profile?operation=GetCACaps", 404),
        ("/scep?operation=GetCACaps", 404),
        ("/scep/device?operation=PKIOperation", 400),
        ("/scep/device?operation=PKIOperation&message=", 400),
        ("/scep/device?operation=PKIOperation&message=%FF%FE", 400),
        ("/scep/device?operation=PKIOperation&message=AAAA", 400),
    ],
)
def test_what_is_wrong_has_its_own_status(host: Host, target: str, status: int) -> None:
    answer = host.http.get(target)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("body", [b"", b"\x30\x80", b"no message"])
def test_a_post_that_is_no_message_is_a_bad_request(host: Host, body: bytes) -> None:
    assert host.http.post(f"/scep/device?{OPERATION}", content=body).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/scep/device/",
        "/scep/device/pkiclient.exe",
        "/certsrv/mscep/mscep.dll",
        "/certsrv/mscep/mscep.dll/",
        "/certsrv/mscep/mscep.dll/pkiclient.exe",
    ],
)
def test_it_serves_at_every_path_that_clients_use(host: Host, path: str) -> None:
    device = Device(f"{host.url}{path}", host.http)
    device.discover()
    subject = f"CN=path-{secrets.token_hex(4)}"
    assert device.enrol(subject, [], host.challenge(subject)).status is PKIStatus.SUCCESS


def test_a_refusal_is_a_cert_rep_that_nobody_caches(host: Host) -> None:
    message = enrolment(host, "CN=refused", "not-the-challenge")
    answer = host.http.post(f"/scep/device?{OPERATION}", content=message.der)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-pki-message"
    assert answer.headers["cache-control"] == "no-store"
    assert message.read(answer.content).status is PKIStatus.FAILURE


def test_capabilities_are_plain_lines(host: Host) -> None:
    answer = host.http.get("/scep/device", params={"operation": "GetCACaps", "message": "anything"})
    assert answer.headers["content-type"].partition(";")[0] == "text/plain"
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    found = answer.content.decode("ascii").splitlines()
    assert all(line and line == line.strip() for line in found)
    assert {"AES", "POSTPKIOperation", "Renewal", "SCEPStandard", "SHA-256", "SHA-384", "SHA-512"} == {*found}


def test_ca_certificates_come_with_the_ra_first(host: Host) -> None:
    answer = host.http.get("/scep/device", params={"operation": "GetCACert", "message": "anything"})
    assert answer.headers["content-type"] == "application/x-x509-ca-ra-cert"
    ra, issuing, root = map(Certificate.from_der, parse_degenerate(answer.content)[0])
    ca = host.site.ca
    assert (issuing.der, root.der) == (ca.certificate("issuing").der, ca.certificate("root").der)
    assert not ra.is_ca
