"""GetCACaps as a client reads it: keywords in every form that servers send them, and the algorithms to choose."""

from __future__ import annotations

import pytest

from shared.errors import AlgorithmRefused, MalformedMessage
from shared.scep.advertised import Capabilities, Suite
from shared.scep.capabilities import capabilities

EXPECTED = ("AES", "SHA-256", "POSTPKIOperation")


def test_our_own_are_read_without_a_finding() -> None:
    own = Capabilities.parse(capabilities(allow_legacy=False).encode())
    assert own.findings == ()
    assert own.suite() == Suite("sha256", "aes-128-cbc")
    assert own.has("Renewal")


@pytest.mark.parametrize(
    ("body", "findings"),
    [
        (b"AES\nSHA-256\nPOSTPKIOperation", 0),
        (b"AES\r\nSHA-256\r\nPOSTPKIOperation\r\n", 0),
        (b"AES SHA-256 POSTPKIOperation", 0),
        (b"AES\n\nSHA-256\n\nPOSTPKIOperation", 1),
        (b"AES,SHA-256;POSTPKIOperation", 1),
        (b"\xef\xbb\xbfAES\nSHA-256\nPOSTPKIOperation", 1),
        ("\ufeffAES\nSHA-256\nPOSTPKIOperation".encode("utf-16-le"), 1),
        (b'["AES","SHA-256","POSTPKIOperation"]', 1),
        (b'{"capabilities": "AES SHA-256\\nPOSTPKIOperation"}', 1),
        (b'{"AES": true, "DES3": false, "SHA-256": true, "POSTPKIOperation": true}', 1),
        (b'"AES SHA-256 POSTPKIOperation"', 1),
        (b"AES\nAES\nSHA-256\nPOSTPKIOperation", 0),
    ],
)
def test_every_form_is_read(body: bytes, findings: int) -> None:
    found = Capabilities.parse(body)
    assert found.keywords == EXPECTED
    assert len(found.findings) == findings
    assert all(finding.remedy for finding in found.findings)


@pytest.mark.parametrize(
    "body", [b"<html>", b"\xff\xfe\x00", b"\x80\x81", b"[1, ", bytes(20_000), b"[" * 16_000]
)
def test_what_is_no_list_of_keywords_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage, match="GetCACaps"):
        Capabilities.parse(body)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-pki-message", ""])
def test_usual_media_types_are_no_finding(media_type: str) -> None:
    assert Capabilities.parse(b"AES", media_type).findings == ()


def test_an_unusual_media_type_is_one() -> None:
    assert "text/html" in Capabilities.parse(b"AES", "text/html").findings[0].seen


def test_scep_standard_stands_for_its_parts() -> None:
    found = Capabilities(("scepstandard",))
    assert all(found.has(keyword) for keyword in EXPECTED)
    assert not found.has("Renewal")
    assert found.suite() == Suite("sha256", "aes-128-cbc")


@pytest.mark.parametrize(
    ("keywords", "suite"),
    [
        (("AES", "SHA-512", "SHA-1"), Suite("sha512", "aes-128-cbc")),
        (("aes", "sha-384"), Suite("sha384", "aes-128-cbc")),
    ],
)
def test_the_best_that_is_advertised_is_chosen(keywords: tuple[str, ...], suite: Suite) -> None:
    assert Capabilities(keywords).suite() == suite


@pytest.mark.parametrize(
    ("keywords", "missing"),
    [
        ((), "SHA-256"),
        (("DES3", "SHA-1"), "SHA-256"),
        (("DES3", "SHA-256"), "AES"),
        (("AES", "SHA-1"), "SHA-256"),
    ],
)
def test_nothing_legacy_is_chosen_by_itself(keywords: tuple[str, ...], missing: str) -> None:
    with pytest.raises(AlgorithmRefused, match=missing):
        Capabilities(keywords).suite()
