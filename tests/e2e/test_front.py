"""The container's front before the embedded host: long GETs arrive, secrets need https, and nobody poses as signed in.

The host keeps to the 8 KB that the Functions host takes, so what is longer gets through by the front alone.
"""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from infra.container.front import LONGEST_LINE
from local.azurite import Azurite
from tests.e2e import certmonger
from tests.e2e.front import fronted
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.site import Site

pytestmark = pytest.mark.host

CHALLENGE = "".join(secrets.choice(string.ascii_letters) for _ in range(4096))
HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Its static challenge has 4 KB, as those of Intune."""
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path_factory.mktemp("front"), azurite.connection_string)
        site.let(SCEPTER_STATIC_CHALLENGES__SHARED=CHALLENGE, SCEPTER_TRUSTED_PROXIES="127.0.0.0/8")
        with site.running() as running:
            yield running


@pytest.fixture(scope="module")
def url(host: Host) -> Iterator[str]:
    with fronted(host.url) as found:
        yield found


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.client
def test_certmonger_enrols_by_get_with_a_challenge_of_4_kb(host: Host, url: str, tmp_path: Path) -> None:
    name = f"long-{secrets.token_hex(4)}"
    with certmonger.running(tmp_path) as client:
        client.add_ca(name, f"{url}/scep/shared")
        client.request(name, CHALLENGE, subject=f"CN={name},O=Probe", dns=f"{name}.example.org")
        assert client.certificate(name).subject.text() == f"O=Probe,CN={name}"
        direct = f"direct-{name}"
        client.add_ca(direct, host.scep("shared"))
        client.request(direct, CHALLENGE, subject=f"CN={direct},O=Probe", dns=f"{direct}.example.org")
        client.await_words(direct, "CA_UNREACHABLE")  # the host's 414


def long_get(host: Host, size: int) -> str:
    """An enrolment as a GET whose request line is about `size` long."""
    message = enrolment(
        host, f"CN=get-{secrets.token_hex(4)}", CHALLENGE, transaction_id=secrets.token_hex(8)
    )
    text = quote(base64.b64encode(message.der + b"\0" * max(0, (size * 3 // 4) - len(message.der))), safe="")
    return f"/scep/shared?operation=PKIOperation&message={text}"


def test_a_long_get_reaches_the_host_as_a_post_and_only_through_the_front(
    host: Host, http: httpx.Client
) -> None:
    path = long_get(host, 0)
    assert 8192 < len(path) < LONGEST_LINE
    assert host.http.get(path).status_code == 414
    answer = http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-pki-message")
    assert "POST 'shared' operation='pkioperation'" in host.output()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/scep/shared?operation=PKIOperation&message=" + "A" * LONGEST_LINE, 414),
        ("/scep/shared?operation=PKIOperation&message=" + "*" * 30_000, 414),
        ("/scep/shared?operation=GetCACaps&message=" + "A" * 30_000, 414),
        ("/scep/shared?message=" + "A" * 30_000, 414),
        ("/scep/shared?operation=PKIOperation&message=" + "A" * 30_000, 400),
        ("/scep/shared?operation=GetCACaps", 200),
    ],
)
def test_what_is_no_long_message_is_refused(http: httpx.Client, path: str, status: int) -> None:
    assert http.get(path).status_code == status


@pytest.mark.parametrize("path", ["/manage/health", "/challenges", "/pkcs/requests/1", "/openapi.json", "/"])
def test_secrets_come_over_https_only(http: httpx.Client, path: str) -> None:
    assert http.get(path).text == "Use https for this address.\n"
    assert http.get(path, headers={"X-Forwarded-Proto": "http"}).status_code == 403
    assert http.get(path, headers=HTTPS).text != "Use https for this address.\n"


def test_a_chunked_post_arrives_whole(host: Host, http: httpx.Client) -> None:
    """The Functions host would hand on nothing of it."""
    message = enrolment(host, f"CN=c-{secrets.token_hex(4)}", CHALLENGE, transaction_id=secrets.token_hex(8))
    answer = http.post(
        "/scep/shared?operation=PKIOperation", content=iter([message.der[:500], message.der[500:]])
    )
    assert answer.status_code == 200


def test_the_source_is_whoever_connected(host: Host, http: httpx.Client) -> None:
    http.get("/scep/shared?operation=GetCACaps", headers={"X-Forwarded-For": "192.0.2.7"})
    assert "from='192.0.2.7'" in host.output()  # the ingress wrote it; SCEPTER_TRUSTED_PROXIES has ours


def test_a_host_that_is_away_is_503() -> None:
    with fronted("http://127.0.0.1:9") as found:
        answer = httpx.get(f"{found}/crl/x.crl", trust_env=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
