"""A message in the query of a GET, in every spelling that clients and proxies make of base64."""

from __future__ import annotations

import base64
import random
from urllib.parse import quote

import pytest

from shared.errors import MalformedMessage
from shared.scep.transport import decode_message, query_parameter

URL = "http://pki.example.org/scep/device"
# Every octet, so that the base64 has `+` and `/`, and a length that needs padding.
MESSAGE = bytes(range(256)) + b"\xfb\xef\xbe\xff"
STANDARD = base64.b64encode(MESSAGE).decode()
SPELLINGS = {
    "percent-encoded, as the RFC says": quote(STANDARD, safe=""),
    "raw plus, slash and equals sign": STANDARD,
    "URL-safe alphabet": base64.urlsafe_b64encode(MESSAGE).decode(),
    "URL-safe alphabet without padding": base64.urlsafe_b64encode(MESSAGE).decode().rstrip("="),
    "no padding": STANDARD.rstrip("="),
    "too much padding": STANDARD + "==",
    "line breaks %0A": quote("\n".join(STANDARD[at : at + 64] for at in range(0, len(STANDARD), 64))),
    "line breaks %0D%0A": quote("\r\n".join(STANDARD[at : at + 76] for at in range(0, len(STANDARD), 76))),
    "a line break at the end": STANDARD + "%0A",
    "plus that a proxy made a space": STANDARD.replace("+", "%20"),
    "lower-case escapes": STANDARD.replace("+", "%2b").replace("/", "%2f").replace("=", "%3d"),
    "both alphabets mixed": STANDARD.replace("/", "_"),
}


def received(text: str) -> bytes:
    value = query_parameter(f"{URL}?operation=PKIOperation&message={text}", "message")
    assert value is not None
    return decode_message(value)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_message_arrives_whole_however_it_is_spelt(spelling: str) -> None:
    assert "+" in STANDARD
    assert "/" in STANDARD
    assert received(SPELLINGS[spelling]) == MESSAGE


@pytest.mark.parametrize("length", range(9))
def test_every_length_arrives_with_and_without_padding(length: int) -> None:
    message = bytes(range(250, 250 - length, -1))
    text = base64.b64encode(message).decode()
    assert received(text) == received(text.rstrip("=")) == message


def test_random_messages_arrive_raw() -> None:
    source = random.Random(8894)
    for _ in range(500):
        message = source.randbytes(source.randrange(1, 400))
        assert received(base64.b64encode(message).decode()) == message
        assert received(base64.urlsafe_b64encode(message).decode().rstrip("=")) == message


@pytest.mark.parametrize(
    "junk",
    ["A", "AAAAA", "AA*A", "AAAA=AAAA", "%00AAA", "%FF%FE", "h%C3%A9llo", "{}", "AAA.", "=A=="],
)
def test_what_is_not_base64_is_malformed(junk: str) -> None:
    with pytest.raises(MalformedMessage, match="not base64"):
        received(junk)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("operation=GetCACaps", b"GetCACaps"),
        ("OPERATION=GetCACaps", b"GetCACaps"),
        ("a=b&Operation=GetCACaps&c", b"GetCACaps"),
        ("operation=first&operation=second", b"first"),
        ("operation=", b""),
        ("operation", b""),
        ("operation=a+b", b"a+b"),
        ("operation=a%2Bb%26c", b"a+b&c"),
        ("operation=a=b=c", b"a=b=c"),
        ("operation=x#message=y", b"x"),
        ("xoperation=a", None),
        ("operation%3Da", None),
        ("", None),
        ("&&==&", None),
    ],
)
def test_a_parameter_is_read_raw(query: str, value: bytes | None) -> None:
    assert query_parameter(f"{URL}?{query}", "operation") == value


def test_a_url_without_query_has_no_parameters() -> None:
    assert query_parameter(URL, "operation") is None


@pytest.mark.parametrize("host", ["[", "[::1", "]", "a b", "http://", "\u2100", "%zz", ""])
def test_a_host_that_cannot_be_does_not_hide_the_query(host: str) -> None:
    url = f"http://{host}/scep/device?operation=GetCACaps"
    assert query_parameter(url, "operation") == b"GetCACaps"
