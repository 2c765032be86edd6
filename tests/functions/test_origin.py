"""Who asks: only what the front end and our own proxies wrote is believed."""

from __future__ import annotations

from ipaddress import ip_network

import azure.functions as func
import pytest

from functions.origin import agent_of, source_of

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48")]


def request(**headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(method="GET", url="http://pki.example.org/scep/device", headers=named, body=b"")


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:51234", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:51234", "2001:db8::1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        # What stands before the last entry is the asker's own word.
        ("203.0.113.1, 198.51.100.7:51234", "198.51.100.7"),
        ("10.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("garbage,198.51.100.7", "198.51.100.7"),
        (",,198.51.100.7", "198.51.100.7"),
        ("", "-"),
        ("garbage", "-"),
        ("198.51.100.7, garbage", "-"),
        ("198.51.100.7,", "-"),
    ],
)
def test_without_proxies_of_ours_the_last_entry_counts(header: str, source: str) -> None:
    assert source_of(request(x_forwarded_for=header), []) == source


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("198.51.100.7, 10.1.2.3:443", "198.51.100.7"),
        ("198.51.100.7, 10.1.2.3, 2001:db8:f::9", "198.51.100.7"),
        ("203.0.113.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        # Whoever goes around the proxies cannot name another.
        ("203.0.113.1, 10.1.2.3, 198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("garbage, 10.1.2.3", "10.1.2.3"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
    ],
)
def test_proxies_of_ours_are_believed(header: str, source: str) -> None:
    assert source_of(request(x_forwarded_for=header), PROXIES) == source


def test_nobody_wrote_the_header() -> None:
    assert source_of(request(), PROXIES) == "-"


def test_the_agent_is_cut() -> None:
    assert agent_of(request(user_agent="x" * 1000)) == "x" * 256
    assert agent_of(request()) == "-"
