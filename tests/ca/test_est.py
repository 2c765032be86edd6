"""The EST client against the server of tests/est: what is sent, who is shown, and every answer that may come."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.ca.est import EST
from shared.ca.ports import OutcomeUnknown, OutsideRequest
from shared.errors import IssuancePending, IssuerUnavailable, PKIError, PolicyViolation
from tests.ca.outside import csr, settings, wanted
from tests.est.server import Breaks, ESTServer, Says

SECRET = "a-password-nobody-may-read"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ESTServer]:
    with ESTServer(tmp_path_factory.mktemp("est")) as running:
        yield running


@pytest.fixture
def est(server: ESTServer) -> EST:
    return EST(settings(server))


def asked(*, renews: bool = False) -> OutsideRequest:
    return OutsideRequest(csr().der, wanted(csr()), "identity", renews)


def test_the_request_arrives_byte_for_byte_as_the_rfc_says(server: ESTServer, est: EST) -> None:
    certificate = est.enrol(asked())
    assert certificate.der == server.issued[-1].public_bytes(Encoding.DER)
    assert csr().der in server.waiting
    assert server.calls["/.well-known/est/simpleenroll"] >= 1
    said = server.said[-1]
    assert (said["content-type"], said["content-transfer-encoding"]) == ("application/pkcs10", "base64")


def test_a_client_certificate_is_shown(server: ESTServer) -> None:
    EST(settings(server, username="", password="", client_certificate=server.ra)).enrol(asked())
    assert "authorization" not in server.said[-1]


def test_nobody_in_particular_is_refused(server: ESTServer) -> None:
    with pytest.raises(IssuerUnavailable, match="401"):
        EST(settings(server, username="", password="")).enrol(asked())


def test_a_wrong_password_is_an_outage_and_is_not_told(server: ESTServer) -> None:
    with pytest.raises(IssuerUnavailable, match="401") as caught:
        EST(settings(server, password=SECRET)).enrol(asked())
    assert SECRET not in caught.value.reason + caught.value.public + repr(settings(server, password=SECRET))


def test_a_server_that_is_not_trusted_gets_nothing(server: ESTServer) -> None:
    before = server.calls.total()
    with pytest.raises(IssuerUnavailable, match="cannot be reached") as caught:
        EST(settings(server, trust=None)).enrol(asked())
    assert not isinstance(caught.value, OutcomeUnknown)
    assert server.calls.total() == before


def test_a_server_of_another_name_gets_nothing(server: ESTServer) -> None:
    before = server.calls.total()
    with pytest.raises(IssuerUnavailable, match="cannot be reached"):
        EST(settings(server, url=server.url.replace("127.0.0.1", "localhost"))).enrol(asked())
    assert server.calls.total() == before


def test_nobody_there_is_an_outage_with_nothing_sent(server: ESTServer) -> None:
    with pytest.raises(IssuerUnavailable, match="cannot be reached") as caught:
        EST(settings(server, url="https://127.0.0.1:9/.well-known/est")).enrol(asked())
    assert not isinstance(caught.value, OutcomeUnknown)


def test_plain_http_is_refused(server: ESTServer) -> None:
    with pytest.raises(ValueError, match="https"):
        EST(settings(server, url="http://127.0.0.1/.well-known/est"))


@pytest.mark.parametrize("text", ["", "not PEM", SECRET])
def test_a_client_certificate_that_is_none_is_refused_unread(server: ESTServer, text: str) -> None:
    if not text:
        EST(settings(server, client_certificate=text))
        return
    with pytest.raises(ValueError, match="not a certificate with its key") as caught:
        EST(settings(server, client_certificate=text))
    assert SECRET not in str(caught.value)


def test_renewals_go_where_the_settings_say(server: ESTServer, est: EST) -> None:
    est.enrol(asked())
    path = "/.well-known/est/simplereenroll"
    before = server.calls[path]
    est.enrol(asked(renews=True))
    assert server.calls[path] == before
    renewing = EST(settings(server, reenrol=True))
    renewing.enrol(asked())
    assert server.calls[path] == before
    renewing.enrol(asked(renews=True))
    assert server.calls[path] == before + 1


def test_renewing_what_the_server_does_not_know_is_our_setting_s_fault(server: ESTServer) -> None:
    unknown = OutsideRequest(csr(3, "stranger").der, wanted(csr(3, "stranger")), "identity", renews=True)
    with pytest.raises(IssuerUnavailable, match=r"403.*no such certificate"):
        EST(settings(server, reenrol=True)).enrol(unknown)


def test_ca_certificates(server: ESTServer, est: EST) -> None:
    found = [each.der for each in est.ca_certificates()]
    assert found == [each.public_bytes(Encoding.DER) for each in server.authority.chain]


@pytest.mark.parametrize(
    ("stated", "least", "most"),
    [
        ("120", 120, 120),
        ("0", 1, 1),
        ("99999999999999999999", 24 * 3600, 24 * 3600),
        ("soon", 10, 10),
        ("", 10, 10),
        ("in ten minutes", 500, 600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1, 1),
        ("Sun, 32 Jan 2026 25:00:00 GMT", 10, 10),
    ],
)
def test_retry_after_in_every_form(server: ESTServer, est: EST, stated: str, least: int, most: int) -> None:
    if stated == "in ten minutes":
        stated = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    server.troubles.append(Says(202, headers={"Retry-After": stated} if stated else {}))
    with pytest.raises(IssuancePending) as caught:
        est.enrol(asked())
    assert least <= caught.value.retry_after <= most


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_is_of_the_request(server: ESTServer, est: EST, status: int) -> None:
    server.troubles.append(Says(status, b"bad \x1b[31m\r\nCSR" + b"x" * 999, {"Content-Type": "text/plain"}))
    with pytest.raises(PolicyViolation, match=str(status)) as caught:
        est.enrol(asked())
    assert "CSR" in caught.value.reason
    assert "\x1b" not in caught.value.reason
    assert "\n" not in caught.value.reason
    assert len(caught.value.reason) < 400
    assert "CSR" not in caught.value.public


@pytest.mark.parametrize("status", [401, 403, 404, 429, 301, 302, 307, 503])
def test_what_no_other_request_would_change_is_an_outage(server: ESTServer, est: EST, status: int) -> None:
    server.troubles.append(Says(status, headers={"Location": server.url, "Retry-After": "5"}))
    with pytest.raises(IssuerUnavailable, match=str(status)) as caught:
        est.enrol(asked())
    assert not isinstance(caught.value, OutcomeUnknown)


UNKNOWN = {
    "500": Says(500),
    "502": Says(502),
    "504": Says(504),
    "nothing": Says(200),
    "a page": Says(200, b"<html>login</html>"),
    "no CMS": Says(200, base64.b64encode(b"0\x03\x02\x01\x05")),
    "too much": Says(200, b"A" * 400_000),
    "too slow": Says(200, slowly=4.5),
    "reset before": Breaks(after=False),
    "reset after": Breaks(after=True),
}


@pytest.mark.parametrize("trouble", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_when_nobody_can_say_it_is_not_known(server: ESTServer, est: EST, trouble: Says | Breaks) -> None:
    server.troubles.append(trouble)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        est.enrol(asked())
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.encodebytes])
def test_an_answer_is_taken_in_base64_of_any_form_or_bare(
    server: ESTServer, est: EST, encode: Callable[[bytes], bytes]
) -> None:
    issued = server.authority.issue(x509.load_der_x509_csr(csr().der), server.manner)
    chain = [server.authority.chain[0], issued]  # and the chain, before it
    server.troubles.append(Says(200, encode(serialize_certificates(chain, Encoding.DER))))
    assert est.enrol(asked()).der == issued.public_bytes(Encoding.DER)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=600), encoded=st.booleans())
def test_whatever_a_server_says_is_an_error_of_ours(
    server: ESTServer, est: EST, body: bytes, encoded: bool
) -> None:
    server.troubles.append(Says(200, base64.b64encode(body) if encoded else body))
    with pytest.raises(PKIError):
        est.enrol(asked())
