"""The management API: find, show, revoke, lift, publish; every call authorised before anything else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from functions import management
from shared.errors import Conflict
from shared.store.ports import CertificateRecord, Status
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, issue, request, text
from tests.scep.authority import DAY, NOW

KEY = {"x-scepter-key": MANAGEMENT_KEY}


def listed(query: str = "") -> list[Any]:
    response = call(management.list_certificates, request("GET", f"/manage/certificates{query}", headers=KEY))
    assert response.status_code == 200
    found: list[Any] = body(response)["certificates"]
    return found


def on_serial(
    trigger: Callable[..., Any], method: str, serial: str, content: bytes = b"", headers: dict[str, str] = KEY
) -> func.HttpResponse:
    path = f"/manage/certificates/{serial}"
    return call(trigger, request(method, path, headers=headers, route={"serial": serial}, body=content))


def change(method: str, serial: str, content: object = None) -> func.HttpResponse:
    data = b"" if content is None else json.dumps(content).encode()
    return on_serial(management.change_revocation, method, serial, data)


def status(app: MemoryApplication, record: CertificateRecord) -> Status:
    found = app.store.find(record.issuer, record.serial)
    assert found is not None
    return found.status


@pytest.mark.parametrize(
    ("trigger", "method"),
    [
        (management.list_certificates, "GET"),
        (management.show_certificate, "GET"),
        (management.change_revocation, "PUT"),
        (management.change_revocation, "DELETE"),
        (management.publish_crl, "POST"),
    ],
)
def test_no_call_is_served_without_authorisation(
    app: MemoryApplication, trigger: Callable[..., Any], method: str
) -> None:
    record = issue(app)
    for headers in ({}, {"x-scepter-key": "wrong"}):
        response = on_serial(trigger, method, record.serial, headers=headers)
        assert response.status_code == 403
        assert record.serial not in text(response)
    assert status(app, record) is Status.GOOD
    assert app.blobs.headers == {}


def test_every_trigger_of_the_api_is_in_the_table_above() -> None:
    triggers = [trigger for trigger in vars(management).values() if hasattr(trigger, "_function")]
    assert len(triggers) == 4


def test_a_certificate_is_found_by_its_owners(app: MemoryApplication) -> None:
    mine = issue(app, "1", device="dev1", user="ann@example.org")
    issue(app, "2", device="dev2")
    for query in ("?owner=device:dev1", "?owner=DEVICE:DEV1", "?owner=user:Ann%40example.org"):
        assert [row["serial"] for row in listed(query)] == [mine.serial]
    assert len(listed()) == 2
    assert listed("?owner=device:nobody") == []


def test_a_row_says_what_is_on_record(app: MemoryApplication) -> None:
    record = issue(app)
    app.revocations.revoke(record.issuer, record.serial, "superseded", by="ann", note="lost")
    (row,) = listed()
    assert row["serial"] == record.serial
    assert (row["status"], row["subject"], row["profile"]) == ("revoked", "CN=dev1", "device")
    assert (row["device"], row["vouchedBy"]) == ("dev1", "sealed:tests")
    assert row["notAfter"] == record.not_after.isoformat()
    assert row["revocation"] == {"reason": "superseded", "at": NOW.isoformat(), "by": "ann", "note": "lost"}
    assert "certificate" not in row


@pytest.mark.parametrize(
    ("limit", "count"),
    [("", 5), ("3", 3), ("0", 0), ("9999999", 5), ("-1", 5), ("²", 5), ("x", 5), ("1.5", 5)],
)
def test_a_limit_is_a_number_or_the_usual_one(app: MemoryApplication, limit: str, count: int) -> None:
    for number in range(5):
        issue(app, str(number))
    assert len(listed(f"?limit={limit}")) == count


def test_a_claim_that_never_became_a_certificate_is_not_listed(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[object] = []
    monkeypatch.setattr(app.store, "commit", lost.append)
    issue(app)
    assert len(lost) == len(list(app.store.owned_by("device:dev1"))) == 1
    assert listed("?owner=device:dev1") == []


@pytest.mark.parametrize("spell", [str, str.upper])
def test_one_certificate_is_shown_whole(app: MemoryApplication, spell: Callable[[str], str]) -> None:
    record = issue(app)
    response = on_serial(management.show_certificate, "GET", spell(record.serial))
    assert response.status_code == 200
    assert base64.b64decode(body(response)["certificate"]) == record.certificate


@pytest.mark.parametrize(
    "serial", ["25aa" + "00" * 17, "", "zz", "25aa/../25", "0" * 41, "-1", "25 aa", "\u0660"]
)
def test_what_is_not_on_record_is_not_found(app: MemoryApplication, serial: str) -> None:
    assert on_serial(management.show_certificate, "GET", serial).status_code == 404
    assert change("PUT", serial, {"reason": "keyCompromise"}).status_code == 404
    assert change("DELETE", serial).status_code == 404


def test_revoking_names_the_administrator_and_asks_for_a_crl(app: MemoryApplication) -> None:
    record = issue(app)
    response = change("PUT", record.serial, {"reason": "keyCompromise", "note": "left in a train"})
    assert response.status_code == 200
    assert body(response)["revocation"] == {
        "reason": "keyCompromise",
        "at": NOW.isoformat(),
        "by": "local administrator",
        "note": "left in a train",
    }
    assert len(app.queues["crl-requests"].sent) == 1


@pytest.mark.parametrize("content", [None, {}])
def test_revoking_needs_no_body(app: MemoryApplication, content: object) -> None:
    record = issue(app)
    assert body(change("PUT", record.serial, content))["revocation"]["reason"] == "unspecified"


def test_a_hold_is_put_and_lifted(app: MemoryApplication) -> None:
    record = issue(app)
    assert body(change("PUT", record.serial, {"reason": "certificateHold"}))["status"] == "held"
    lifted = change("DELETE", record.serial)
    assert (lifted.status_code, body(lifted)["status"]) == (200, "good")
    assert body(change("DELETE", record.serial))["status"] == "good", "once more is no fault"


def test_what_is_revoked_is_not_lifted(app: MemoryApplication) -> None:
    record = issue(app)
    change("PUT", record.serial, {"reason": "keyCompromise"})
    response = change("DELETE", record.serial)
    assert (response.status_code, "final" in text(response)) == (403, True)
    assert status(app, record) is Status.REVOKED


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"junk", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b'{"reason": 5}', 400),
        (b'{"reason": "keyCompromise", "more": 1}', 400),
        (json.dumps({"note": "x" * 501}).encode(), 400),
        (b'{"reason": "lost"}', 403),
        (b'{"reason": "removeFromCRL"}', 403),
    ],
)
def test_a_body_that_is_no_order_is_refused(app: MemoryApplication, content: bytes, code: int) -> None:
    record = issue(app)
    response = on_serial(management.change_revocation, "PUT", record.serial, content)
    assert response.status_code == code
    assert "reason" in text(response)
    assert status(app, record) is Status.GOOD


def test_publishing_gives_the_number_and_puts_ca_certificates_too(app: MemoryApplication) -> None:
    first = body(call(management.publish_crl, request("POST", "/manage/crl", headers=KEY)))["number"]
    app.now += DAY
    second = body(call(management.publish_crl, request("POST", "/manage/crl", headers=KEY)))["number"]
    assert (first, second) == (int(NOW.timestamp()), int((NOW + DAY).timestamp()))
    assert app.blobs.read(f"crl/{app.issuer.id}.crl")
    assert app.blobs.read(f"ca/{app.issuer.id}.cer")


def test_others_that_keep_winning_are_told_as_busy(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflict(*_: object, **__: object) -> None:
        raise Conflict("put: another blob stands there")

    monkeypatch.setattr(app.blobs, "put", conflict)
    response = call(management.publish_crl, request("POST", "/manage/crl", headers=KEY))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
