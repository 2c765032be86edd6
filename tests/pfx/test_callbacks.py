"""Calls to callers' URLs: signed, to names of a list only, never inward, and never further than they were sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.devices.signature import sign, verify
from shared.errors import DependencyError, PolicyViolation
from shared.pfx.callbacks import Callbacks, is_public, resolve
from tests.pfx.listener import Listener, listening
from tests.pfx.world import NOW

HOST, SECRET = "hooks.example.org", "callback-secret-of-the-tests"
LOOPBACK = ip_address("127.0.0.1")
BODY = {"id": "order-1", "state": "delivered"}


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path, HOST) as listener:
        yield listener


def callbacks(
    listener: Listener | None = None, *hosts: str, found: str = "127.0.0.1", inward: bool = True
) -> Callbacks:
    """Whose names lead to `found`; `inward`: loopback is allowed, where the listener is."""
    port = listener.port if listener else 443
    return Callbacks(
        hosts or (f"{HOST}:{port}", "*.example.com", "hooks.example.net"),
        {"mdm": SECRET},
        sign,
        addresses=lambda _host, _port: [ip_address(each) for each in found.split()],
        permits=(lambda _: True) if inward else is_public,
        **({"trust": listener.trust} if listener else {}),
    )


def send(calls: Callbacks, url: str) -> None:
    calls.send(url, "pkcs-0a.delivered", BODY, caller="mdm", now=NOW)


def test_a_call_is_signed_as_standard_webhooks_has_it(listener: Listener) -> None:
    send(callbacks(listener), f"https://{HOST}:{listener.port}/done?x=1")
    ((path, headers, body),) = listener.heard
    assert (path, json.loads(body)) == ("/done?x=1", BODY)
    assert headers["host"] == f"{HOST}:{listener.port}"
    assert (headers["content-type"], headers["webhook-id"]) == ("application/json", "pkcs-0a.delivered")
    verify(headers, body, [SECRET], now=NOW, window=timedelta(seconds=1))


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_what_is_not_taken_comes_again_and_redirects_lead_nowhere(listener: Listener, status: int) -> None:
    listener.status, listener.headers = status, {"location": f"https://{HOST}:{listener.port}/elsewhere"}
    with pytest.raises(DependencyError, match=f"answered {status}"):
        send(callbacks(listener), f"https://{HOST}:{listener.port}/done")
    assert [path for path, _, _ in listener.heard] == ["/done"]


def test_a_server_that_nobody_vouches_for_is_told_nothing(listener: Listener, tmp_path: Path) -> None:
    url = f"https://{HOST}:{listener.port}/done"
    untrusting = callbacks(listener)
    untrusting = Callbacks(
        untrusting.hosts, untrusting.secrets, sign, addresses=untrusting.addresses, permits=untrusting.permits
    )
    with pytest.raises(DependencyError, match="SSLError"):
        send(untrusting, url)
    other = callbacks(listener, f"other.example.org:{listener.port}")
    with pytest.raises(DependencyError, match="SSLError"):
        send(other, f"https://other.example.org:{listener.port}/done")
    assert listener.heard == []


def test_nobody_there_is_an_error_to_try_again(listener: Listener) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(DependencyError, match="cannot be reached"):
            send(callbacks(listener, f"{HOST}:{port}"), f"https://{HOST}:{port}/")


@pytest.mark.parametrize(
    "found",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1"),
        *(
            "169.254.169.254",
            "169.254.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ),
        *("168.63.129.16", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        ),
        "93.184.216.34 10.0.0.1",
    ],
)
def test_an_address_that_is_not_public_is_never_connected_to(listener: Listener, found: str) -> None:
    with pytest.raises(PolicyViolation, match="not public"):
        send(callbacks(listener, found=found, inward=False), f"https://{HOST}:{listener.port}/done")
    assert listener.heard == []


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
)
def test_public_addresses_are(address: str) -> None:
    assert is_public(ip_address(address))


def test_localhost_by_its_own_name_leads_nowhere() -> None:
    calls = Callbacks(
        ["localhost.example.org"], {"mdm": SECRET}, sign, addresses=lambda *_: resolve("localhost", 443)
    )
    with pytest.raises(PolicyViolation, match="not public"):
        send(calls, "https://localhost.example.org/")


def test_a_name_without_an_address_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with pytest.raises(DependencyError, match="no address"):
        resolve(HOST, 443)
    with pytest.raises(DependencyError, match="no address"):
        send(callbacks(None, HOST, found=""), f"https://{HOST}/")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.net/",
        "https://HOOKS.example.net",
        "https://a.example.com/x?y#z",
        "https://a.b.example.com:443/",
    ],
)
def test_hosts_of_the_list_may_be_called(url: str) -> None:
    callbacks().check(url, "mdm")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hooks.example.net/", "https"),
        ("ftp://hooks.example.net/", "https"),
        ("//hooks.example.net/", "https"),
        ("hooks.example.net", "https"),
        ("", "https"),
        ("https:///x", "https"),
        ("https://example.com/", "SCEPTER_CALLBACK_HOSTS"),
        ("https://badexample.com/", "SCEPTER_CALLBACK_HOSTS"),
        ("https://hooks.example.net.evil.org/", "SCEPTER_CALLBACK_HOSTS"),
        ("https://x.hooks.example.net/", "SCEPTER_CALLBACK_HOSTS"),
        ("https://hooks.example.net:8443/", "SCEPTER_CALLBACK_HOSTS"),
        ("https://hooks.example.net./", "SCEPTER_CALLBACK_HOSTS"),
        ("https://user@hooks.example.net/", "called"),
        ("https://hooks.example.net\n.evil.org/", "called"),
        ("https://hooks.example.net /", "called"),
        ("https://höoks.example.net/", "called"),
        ("https://hooks.example.net:x/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://127.0.0.1/", "an address that is not public"),
        ("https://[::1]/", "an address that is not public"),
        ("https://10.0.0.1/", "an address that is not public"),
        ("https://169.254.169.254/metadata", "an address that is not public"),
        ("https://93.184.216.34/", "not a name"),
        ("https://0x7f000001/", "SCEPTER_CALLBACK_HOSTS"),
        ("https://2130706433/", "SCEPTER_CALLBACK_HOSTS"),
    ],
)
def test_everything_else_may_not(url: str, says: str) -> None:
    with pytest.raises(PolicyViolation, match=says):
        callbacks().check(url, "mdm")


def test_a_caller_without_a_secret_is_not_called() -> None:
    with pytest.raises(PolicyViolation, match="SCEPTER_CALLBACK_SECRETS__NARROW"):
        callbacks().check("https://hooks.example.net/", "narrow")
    assert SECRET not in repr(callbacks())


@given(st.text(max_size=80))
def test_any_text_is_a_url_of_the_list_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://hooks.example.net{text}"):
        try:
            callbacks().check(url, "mdm")
        except PolicyViolation:
            continue
        host = urlsplit(url).hostname or ""
        assert host == "hooks.example.net" or host.endswith(".example.com")
