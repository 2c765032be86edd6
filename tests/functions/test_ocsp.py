"""OCSP over HTTP: every form of GET that clients send, what caches are told, and 200 whatever the responder says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import azure.functions as func
import pytest

from functions import ocsp
from shared import wiring
from shared.asn1 import oids
from shared.errors import SettingsError, StoreUnavailable
from shared.x509.ocsp import MAX_REQUEST, CertID, OCSPRequest
from tests.functions.application import MemoryApplication as PlainApplication
from tests.functions.application import call as call_trigger
from tests.functions.conftest import Make
from tests.functions.memory import MemoryApplication
from tests.functions.ocsp_calls import Told, get, issue, path_of, post, request_for, revoke, tell

NOBODYS = "26aa" + "99" * 17


@pytest.fixture
def app(make: Make) -> MemoryApplication:
    return make()


def slashes(app: MemoryApplication) -> bytes:
    """A request whose base64 has `//` and `+` inside: its nonce sees to that."""
    serial = issue(app, "slashes").serial
    for cut in range(3):
        message = request_for(app, serial, nonce=b"\xff" * 12 + b"\xfb\xef\xbe" * 4 + bytes(cut))
        text = base64.b64encode(message)
        if b"//" in text and b"+" in text:
            return message
    raise AssertionError("no such request")


def test_post_is_answered(app: MemoryApplication) -> None:
    record = issue(app, "post")
    assert tell(post(request_for(app, record.serial, NOBODYS))).states == ["GOOD", "UNKNOWN"]
    told = tell(post(request_for(app, record.serial)))
    assert told.states == ["GOOD"]
    assert told.response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in told.response.headers


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/ocsp-request; charset=utf-8"])
def test_post_does_not_look_at_the_media_type(app: MemoryApplication, media_type: str) -> None:
    assert tell(post(request_for(app, NOBODYS), {"content-type": media_type})).states == ["UNKNOWN"]


def lines(text: str) -> str:
    return "%0A".join(text[start : start + 64] for start in range(0, len(text), 64))


FORMS: dict[str, Callable[[str], str]] = {
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded in lower case": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "not encoded at all": lambda text: text,
    "only the padding encoded": lambda text: text.replace("=", "%3D"),
    "decoded by the platform but for the slash": lambda text: text.replace("/", "%2F"),
    "plus as a space": lambda text: text.replace("+", "%20"),
    "a slash before it": lambda text: f"/{text}",
    "slashes before it": lambda text: f"//{text}",
    "an encoded slash before it": lambda text: f"%2F{text}",
    "URL-safe alphabet": lambda text: text.replace("+", "-").replace("/", "_"),
    "no padding": lambda text: text.rstrip("="),
    "line breaks": lines,
    "a query behind it": lambda text: f"{text}?x=1",
    "a fragment of a query": lambda text: f"{text}?",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_get_takes_every_form(app: MemoryApplication, form: Callable[[str], str]) -> None:
    text = base64.b64encode(slashes(app)).decode()
    assert "//" in text
    assert "+" in text
    assert tell(get(f"/ocsp/{form(text)}")).states == ["GOOD"]
    assert tell(get(f"/OCSP/{form(text)}")).states == ["GOOD"]


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_get_takes_every_length_of_padding(app: MemoryApplication, cut: int) -> None:
    message = request_for(app, NOBODYS, nonce=bytes(8 + cut))
    assert tell(get(path_of(message))).states == ["UNKNOWN"]
    assert tell(get(f"/ocsp/{base64.b64encode(message).decode().rstrip('=')}")).states == ["UNKNOWN"]


def test_head_says_what_get_would(app: MemoryApplication) -> None:
    path = path_of(request_for(app, issue(app, "head").serial))
    told = tell(get(path, "HEAD"))
    assert told.states == ["GOOD"]  # the body is the host's to leave out
    assert told.response.headers["ETag"]


def times(told: Told) -> tuple[datetime, datetime]:
    """thisUpdate and nextUpdate of the only answer."""
    (single,) = told.read.responses
    assert single.next_update_utc is not None
    return single.this_update_utc, single.next_update_utc


def test_get_may_be_cached_as_rfc_5019_has_it(app: MemoryApplication) -> None:
    told = tell(get(path_of(request_for(app, issue(app, "cached").serial))))
    since, until = times(told)
    headers = told.response.headers
    assert headers["Cache-Control"] == "max-age=60, public, no-transform, must-revalidate"
    assert headers["ETag"] == f'"{hashlib.sha256(told.response.get_body()).hexdigest()}"'
    assert parsedate_to_datetime(headers["Last-Modified"]) == since
    assert parsedate_to_datetime(headers["Expires"]) == until
    assert headers["Expires"].endswith(" GMT")
    assert until - since == timedelta(hours=1)


@pytest.mark.parametrize("seconds", [0, 30, 3600])
def test_the_age_is_a_setting_and_ends_before_the_answer_does(make: Make, seconds: int) -> None:
    app = make(SCEPTER_OCSP_MAX_AGE=str(seconds), SCEPTER_OCSP_HOURS="0.5")
    told = tell(get(path_of(request_for(app, issue(app, f"age {seconds}").serial))))
    since, until = times(told)
    assert until - since == timedelta(minutes=30)
    age = int(told.response.headers["Cache-Control"].partition("max-age=")[2].partition(",")[0])
    assert age == min(seconds, age)
    assert since + timedelta(seconds=age) < until
    assert age >= min(seconds, 1790)


def test_a_held_answer_is_short_lived(make: Make) -> None:
    app = make(SCEPTER_OCSP_HELD_MINUTES="2", SCEPTER_OCSP_MAX_AGE="3600")
    record = issue(app, "held")
    revoke(app, record.serial, "certificateHold")
    told = tell(get(path_of(request_for(app, record.serial))))
    assert told.states == ["REVOKED"]
    since, until = times(told)
    assert until - since == timedelta(minutes=2)
    age = int(told.response.headers["Cache-Control"].partition("max-age=")[2].partition(",")[0])
    assert 110 <= age < 120


@pytest.mark.parametrize("nonce", [b"n", b"n" * 128])
def test_nothing_with_a_nonce_is_cached(app: MemoryApplication, nonce: bytes) -> None:
    told = tell(get(path_of(request_for(app, issue(app, "nonce").serial, nonce=nonce))))
    assert told.states == ["GOOD"]
    assert told.response.headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Expires", "Last-Modified"} & set(told.response.headers)


def test_what_is_not_known_is_not_cached(app: MemoryApplication) -> None:
    told = tell(get(path_of(request_for(app, issue(app, "known").serial, NOBODYS))))
    assert told.states == ["GOOD", "UNKNOWN"]
    assert told.response.headers["Cache-Control"] == "no-store"


MALFORMED_PATHS = [
    "/ocsp",
    "/ocsp/",
    "/ocsp//",
    "/ocsp/AAAA",
    "/ocsp/favicon.ico",
    "/ocsp/%FF%FE",
    "/ocsp/%",
    "/ocsp/%zz",
    "/ocsp/=",
    "/ocsp/===",
    "/ocsp/A",
    "/ocsp/../../etc/passwd",
    "/ocsp/\N{SNOWMAN}",
    "/ocsp/?MEIwQDA+MDwwOjAJBgUrDgMCGgUABBQ=",
    f"/ocsp/{'A' * 8000}",
    f"/ocsp/{'%41' * 100_000}",
    "/",
    "",
]


@pytest.mark.parametrize("path", MALFORMED_PATHS, ids=range(len(MALFORMED_PATHS)))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_that_cannot_be_read_is_malformed_with_200(
    app: MemoryApplication, path: str, method: str
) -> None:
    told = tell(get(path, method))
    assert told.status == "MALFORMED_REQUEST"
    assert told.response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "body", [b"", b"junk", b"\x30\x80", bytes(MAX_REQUEST + 1), bytes(5_000_000)], ids=len
)
def test_a_post_that_cannot_be_read_is_malformed_with_200(app: MemoryApplication, body: bytes) -> None:
    assert tell(post(body)).status == "MALFORMED_REQUEST"


def test_a_chunked_post_is_asked_for_its_length(app: MemoryApplication) -> None:
    assert tell(post(b"", {"transfer-encoding": "chunked"})).response.status_code == 411


@pytest.mark.usefixtures("app")
def test_a_foreign_issuer_is_unauthorized_with_200() -> None:
    stranger = CertID((oids.SHA1, bytes(20), bytes(20)), 1)
    assert tell(post(OCSPRequest((stranger,)).encoded)).status == "UNAUTHORIZED"


def test_ca_certificates_are_answered(app: MemoryApplication) -> None:
    root, issuing = app.issuer.chain[-1], app.issuer.certificate
    first = tell(post(OCSPRequest((CertID.of(root, issuing.serial),)).encoded))
    (responder,) = first.read.certificates
    for serial, state in ((issuing.serial, "GOOD"), (root.serial, "GOOD"), (7, "UNKNOWN")):
        assert tell(post(OCSPRequest((CertID.of(root, serial),)).encoded)).states == [state]
    assert tell(post(OCSPRequest((CertID.of(root, responder.serial_number),)).encoded)).states == ["GOOD"]


def test_a_revocation_is_seen_at_once(make: Make) -> None:
    app = make(SCEPTER_OCSP_GOOD_SECONDS="0")
    record = issue(app, "wiped")
    message = request_for(app, record.serial)
    assert tell(post(message)).states == ["GOOD"]
    revoke(app, record.serial, "keyCompromise")
    assert tell(post(message)).states == ["REVOKED"]


def test_storage_that_is_away_is_try_later_with_200(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(app.store, "find", away)
    told = tell(post(request_for(app, NOBODYS)))
    assert told.status == "TRY_LATER"
    assert told.response.headers["Cache-Control"] == "no-store"


def test_settings_that_are_wrong_are_an_internal_error_and_nothing_to_strangers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong() -> None:
        raise SettingsError("SCEPTER_PUBLIC_URL: is missing")

    monkeypatch.setattr(ocsp, "application", wrong)
    assert tell(post(b"x")).status == "INTERNAL_ERROR"
    assert "SCEPTER_PUBLIC_URL" in caplog.text


def test_without_a_ca_there_is_no_answer_yet(tmp_path: object, make: Make) -> None:
    make(SCEPTER_CA_FOLDER=f"{tmp_path}/none")
    assert tell(post(b"x")).status == "TRY_LATER"


def test_the_trigger_itself_answers_over_plain_http_in_azure(azure_app: PlainApplication) -> None:
    """Vault keys are not here yet, so it can only be tryLater; but it is an answer."""
    req = func.HttpRequest("POST", "http://pki.example.org/ocsp", headers={}, body=b"x")
    answer = call_trigger(ocsp.ocsp, req)
    assert (answer.status_code, answer.mimetype) == (200, "application/ocsp-response")
    wiring.use(None)
