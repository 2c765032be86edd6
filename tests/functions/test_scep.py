"""SCEP through its triggers: paths, operations, GET and POST, sizes, and what each outcome looks like in HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from functions import scep
from shared import wiring
from shared.cms.signing import parse_degenerate
from shared.errors import IssuanceFault, KeyUnavailable, StoreUnavailable
from shared.scep.client import build_request, read_reply
from shared.scep.message import PKIStatus
from tests.functions.application import MemoryApplication, call, request, text
from tests.scep.authority import STATIC_SECRET, csr, self_signed

PROFILE = {"profile": "static"}


def get(query: str, *, profile: str = "static", **named: Any) -> Any:
    path = f"/scep/{profile}/pkiclient.exe?{query}"
    return call(scep.scep, request("GET", path, route={"profile": profile, "rest": "pkiclient.exe"}, **named))


def post(message: bytes, *, operation: str = "PKIOperation", headers: dict[str, str] | None = None) -> Any:
    path = f"/scep/static?operation={operation}"
    return call(scep.scep, request("POST", path, body=message, headers=headers, route=PROFILE))


def message(app: MemoryApplication) -> tuple[bytes, str, bytes]:
    """(pkiMessage, transactionID, nonce) of an enrolment that the static profile serves."""
    request = csr("CN=dev1", challenge=STATIC_SECRET)
    return build_request(request, self_signed(), app.world.ra.certificate)


def status_of(app: MemoryApplication, response: Any, transaction: str, nonce: bytes) -> PKIStatus:
    assert response.status_code == 200
    assert response.mimetype == "application/x-pki-message"
    assert response.headers["Cache-Control"] == "no-store"
    reply = read_reply(
        response.get_body(), self_signed(), app.world.ra.certificate, transaction_id=transaction, nonce=nonce
    )
    return reply.status


def test_a_post_enrols(app: MemoryApplication) -> None:
    data, transaction, nonce = message(app)
    assert status_of(app, post(data), transaction, nonce) is PKIStatus.SUCCESS
    (record,) = app.store.records(app.issuer.id)
    assert record.vouched_by == "static:shared"


@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: quote(text, safe=""),
        lambda text: text,
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
        lambda text: quote("\n".join(text[at : at + 64] for at in range(0, len(text), 64))),
    ],
    ids=["encoded", "raw plus", "URL-safe", "line breaks"],
)
def test_a_get_enrols_in_every_spelling(app: MemoryApplication, spelling: Callable[[str], str]) -> None:
    data, transaction, nonce = message(app)
    text_form = base64.b64encode(data).decode()
    assert "+" in text_form
    response = get(f"operation=PKIOperation&message={spelling(text_form)}")
    assert status_of(app, response, transaction, nonce) is PKIStatus.SUCCESS


@pytest.mark.parametrize("operation", ["pkioperation", "PKIOPERATION", "PkiOperation"])
def test_an_operation_is_compared_without_case(app: MemoryApplication, operation: str) -> None:
    data, transaction, nonce = message(app)
    assert status_of(app, post(data, operation=operation), transaction, nonce) is PKIStatus.SUCCESS


@pytest.mark.parametrize(
    "query", ["operation=getcacaps", "Operation=GetCACaps&message=anything", "operation=GetCACaps&x"]
)
def test_getcacaps_is_plain_lines(app: MemoryApplication, query: str) -> None:
    response = get(query)
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    lines = text(response).split("\n")
    assert lines[-1] == ""
    assert {"POSTPKIOperation", "SHA-256", "AES", "DES3"} <= set(lines[:-1])
    assert "" not in lines[:-1]
    assert "DES3" not in text(get(query, profile="device"))


@pytest.mark.parametrize("message_parameter", ["", "&message=Some%20CA", "&message=0"])
def test_getcacert_gives_ra_and_ca_whatever_the_message(
    app: MemoryApplication, message_parameter: str
) -> None:
    response = get(f"operation=GetCACert{message_parameter}")
    assert (response.status_code, response.mimetype) == (200, "application/x-x509-ca-ra-cert")
    certificates = parse_degenerate(response.get_body())[0]
    assert certificates[:2] == (app.world.ra.certificate.der, app.issuer.certificate.der)
    assert (app.world.root.der in certificates) is app.settings.root_in_getcacert


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 403),
        ("operation=", 403),
        ("operation=GetNextCACert", 404),
        ("operation=PKIOperation%00", 403),
        ("message=AAAA", 403),
        ("operation=PKIOperation", 400),
        ("operation=PKIOperation&message=", 400),
        ("operation=PKIOperation&message=*", 400),
        ("operation=PKIOperation&message=AAAA", 400),
        ("operation=PKIOperation&message=%20%0A", 400),
    ],
)
def test_what_cannot_be_served_has_its_status(app: MemoryApplication, query: str, status: int) -> None:
    response = get(query)
    assert response.status_code == status
    assert 0 < len(text(response)) < 80


@pytest.mark.parametrize("name", ["nobody", "", "../device", "DEVICE", "device\nforged line"])
def test_a_profile_that_is_not_there_is_not_found(
    app: MemoryApplication, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert get("operation=GetCACaps", profile=name).status_code == 404
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_a_chunked_body_arrives_empty_and_is_asked_for_again(app: MemoryApplication) -> None:
    response = post(b"", headers={"Transfer-Encoding": "chunked"})
    assert response.status_code == 411
    assert "Content-Length" in text(response)


def test_an_empty_post_is_a_wrong_request(app: MemoryApplication) -> None:
    assert post(b"").status_code == 400


def test_sizes_are_bounded(app: MemoryApplication) -> None:
    limit = app.settings.max_message_kib * 1024
    assert post(b"\x30" * limit).status_code == 400
    assert post(b"\x30" * (limit + 1)).status_code == 413
    assert get(f"operation=PKIOperation&message={'A' * (limit * 3 // 2 + 1)}").status_code == 414


@pytest.mark.parametrize("data", [b"junk", b"\x30\x80", bytes(500)])
def test_a_body_that_is_no_message_is_refused_without_detail(app: MemoryApplication, data: bytes) -> None:
    response = post(data)
    assert (response.status_code, text(response)) == (400, "The message could not be read.\n")


def test_a_refusal_is_a_reply_and_no_http_error(app: MemoryApplication) -> None:
    data, transaction, nonce = build_request(
        csr("CN=dev1", challenge="wrong-secret-of-the-tests"), self_signed(), app.world.ra.certificate
    )
    assert status_of(app, post(data), transaction, nonce) is PKIStatus.FAILURE


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (StoreUnavailable("table accounts1234 timed out", retry_after=30), 503, "30"),
        (KeyUnavailable("vault kv-1 throttles"), 503, "10"),
        (IssuanceFault("lint: RSA key below 2048 bits"), 500, None),
        (ZeroDivisionError("kv-1"), 500, None),
    ],
)
def test_trouble_of_ours_is_told_by_status_only(
    app: MemoryApplication,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    retry_after: str | None,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(app.store, "claim", fail)
    response = post(message(app)[0])
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)
    assert str(error) not in text(response)
    assert "kv-1" not in text(response)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "application/octet-stream"}, {"Content-Type": "application/x-www-form-urlencoded"}],
)
def test_the_content_type_of_a_post_does_not_matter(app: MemoryApplication, headers: dict[str, str]) -> None:
    data, transaction, nonce = message(app)
    assert status_of(app, post(data, headers=headers), transaction, nonce) is PKIStatus.SUCCESS


def test_ndes_own_path_serves_the_default_profile(app: MemoryApplication) -> None:
    path = "/certsrv/mscep/mscep.dll/pkiclient.exe?operation=GetCACaps"
    response = call(scep.scep_ndes, request("GET", path, route={"rest": "pkiclient.exe"}))
    assert app.settings.default_profile == "device"
    assert response.status_code == 200
    assert "DES3" not in text(response)


def test_ndes_own_path_without_a_default_profile_is_not_found(app: MemoryApplication) -> None:
    wiring.use(MemoryApplication({**app.environment, "SCEPTER_DEFAULT_PROFILE": "nobody"}))
    path = "/certsrv/mscep/mscep.dll?operation=GetCACaps"
    assert call(scep.scep_ndes, request("GET", path)).status_code == 404


@pytest.mark.parametrize("host", ["[", "evil\n.example.org", "x" * 5000])
def test_a_host_header_that_cannot_be_changes_nothing(app: MemoryApplication, host: str) -> None:
    assert get("operation=GetCACaps", host=host).status_code == 200


@pytest.mark.parametrize("query", ["operation=GetCACaps", "operation=Nonsense", ""])
def test_every_request_leaves_a_line_so_that_silence_means_it_never_came(
    app: MemoryApplication, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7:4711", "User-Agent": "Cisco\x1b[2J" + "x" * 500}
    with caplog.at_level("INFO", logger="scepter.scep"):
        get(query, headers=headers)
    (line,) = [record.getMessage() for record in caplog.records]
    operation = query.partition("=")[2].lower()
    for part in ("GET", "static", f"operation='{operation}'", "192.0.2.7'", "Cisco"):
        assert part in line
    assert len(line) < 400
    assert line.isprintable()


def test_every_path_that_clients_use_leads_here() -> None:
    routes = [
        trigger._function.get_trigger().get_dict_repr()["route"] for trigger in (scep.scep, scep.scep_ndes)
    ]
    assert routes == ["scep/{profile}/{*rest}", "certsrv/mscep/mscep.dll/{*rest}"]
