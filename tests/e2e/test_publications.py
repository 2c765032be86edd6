"""What relying parties fetch: over HTTP from the app and anonymously from the blob endpoint; and the CRL by itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import httpx
import pytest

from shared.asn1.pem import pem
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from tests.e2e.host import Host
from tests.e2e.messages import enrolment

pytestmark = pytest.mark.host

MEDIA_TYPES = {
    "crl/{issuer}.crl": "application/pkix-crl",
    "crl/{issuer}.crl.pem": "application/x-pem-file",
    "crl/{root}.crl": "application/pkix-crl",
    "ca/{issuer}.cer": "application/pkix-cert",
    "ca/{issuer}.pem": "application/x-pem-file",
    "ca/{root}.cer": "application/pkix-cert",
    "ca/{issuer}-chain.pem": "application/x-pem-file",
    "ca/{issuer}-chain.p7c": "application/pkcs7-mime",
}


def beside(
    host: Host, place: str, ask: Callable[[], httpx.Response]
) -> tuple[httpx.Response, httpx.Response]:
    """What is asked, and what the app gives, of one state: the queue may bring the next CRL at any moment."""
    for _ in range(5):
        before = host.http.get(f"/{place}")
        asked, after = ask(), host.http.get(f"/{place}")
        if before.headers["etag"] == after.headers["etag"]:
            return asked, after
    pytest.fail(f"{place} never stands still")


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_a_publication_is_the_same_from_the_app_and_from_the_blob(host: Host, name: str) -> None:
    place = name.format(issuer=host.site.issuer, root=host.site.root)
    blob, app = beside(host, place, lambda: host.http.get(f"{host.blob_url}/pki/{place}"))
    for answer in (app, blob):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == MEDIA_TYPES[name]
        assert "max-age=" in answer.headers["cache-control"]
    assert app.content == blob.content


@pytest.mark.parametrize("name", ["crl/{issuer}.crl", "ca/{issuer}.cer"])
def test_head_says_what_get_would(host: Host, name: str) -> None:
    place = name.format(issuer=host.site.issuer)
    head, get = beside(host, place, lambda: host.http.head(f"/{place}"))
    assert head.status_code == 200
    assert head.content == b""
    for header in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[header] == get.headers[header]


def test_pem_and_der_are_the_same_certificate(host: Host) -> None:
    der, text = (host.http.get(f"/ca/{host.site.issuer}.{form}").content for form in ("cer", "pem"))
    assert text == pem("CERTIFICATE", der)


@pytest.mark.parametrize("path", ["/crl/0123456789abcdef.crl", "/crl/x.crl", "/ca/..%2fx.cer", "/crl/"])
def test_what_is_not_published_is_not_found(host: Host, path: str) -> None:
    assert host.http.get(path).status_code == 404


def test_the_queue_brings_a_revocation_into_the_crl_without_anybody_asking(host: Host) -> None:
    subject = f"CN=lost-{secrets.token_hex(4)}"
    reply = enrolment(host, subject, host.challenge(subject)).post(host)
    before = _number(host)
    host.revoke(reply.certificates[0].serial_hex, publish=False)
    deadline = time.monotonic() + 30
    while reply.certificates[0].serial_hex not in _serials(host):
        assert time.monotonic() < deadline, host.output()
        time.sleep(0.25)
    assert _number(host) > before


def test_lifting_a_hold_takes_it_off_the_next_crl(host: Host) -> None:
    subject = f"CN=held-{secrets.token_hex(4)}"
    certificate: Certificate = enrolment(host, subject, host.challenge(subject)).post(host).certificates[0]
    host.revoke(certificate.serial_hex, "certificateHold")
    assert _serials(host)[certificate.serial_hex] == "certificateHold"
    host.manage("DELETE", f"certificates/{certificate.serial_hex}/revocation")
    host.manage("POST", "crl")
    assert certificate.serial_hex not in _serials(host)


def _published(host: Host) -> bytes:
    answer: httpx.Response = host.http.get(f"{host.blob_url}/pki/crl/{host.site.issuer}.crl")
    return answer.raise_for_status().content


def _number(host: Host) -> int:
    return parse_crl(_published(host)).number


def _serials(host: Host) -> dict[str, str | None]:
    """Reasons by serial."""
    return {entry.serial_hex: entry.reason for entry in parse_crl(_published(host)).entries()}
