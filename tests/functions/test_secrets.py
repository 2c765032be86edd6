"""A whole enrolment and what may go wrong with it, with every log line kept: no secret is among them, nor on record."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from functions import challenges, management, scep, timers
from shared.scep.client import Reply, Requester, build_request, read_reply
from shared.scep.message import PKIStatus
from tests.functions.application import (
    LOCAL,
    MANAGEMENT_KEY,
    MemoryApplication,
    body,
    call,
    queue_message,
    request,
)
from tests.scep.authority import CALLER_SECRET, DAY, STATIC_SECRET, csr, key, self_signed

WRONG_SECRET = "wrong-secret-that-somebody-mistyped"


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return caplog.text + "".join(str(record.args) for record in caplog.records)


def mint(secret: str = CALLER_SECRET) -> str:
    order = {"profile": "device", "subject": "CN=dev1,O=Example", "device": "dev1"}
    response = call(
        challenges.challenges,
        request(
            "POST",
            "/challenges",
            headers={"Authorization": f"Bearer {secret}"},
            body=json.dumps(order).encode(),
        ),
    )
    return str(body(response)["challenge"]) if response.status_code == 201 else ""


def enrol(app: MemoryApplication, request_der: bytes, requester: Requester, profile: str = "device") -> Reply:
    data, transaction, nonce = build_request(request_der, requester, app.world.ra.certificate)
    response = call(
        scep.scep,
        request("POST", f"/scep/{profile}?operation=PKIOperation", body=data, route={"profile": profile}),
    )
    return read_reply(
        response.get_body(), requester, app.world.ra.certificate, transaction_id=transaction, nonce=nonce
    )


def everything(app: MemoryApplication) -> str:
    """All that is stored and queued, as text."""
    stored: list[Any] = [vars(app.store), vars(app.blobs), [vars(queue) for queue in app.queues.values()]]
    return repr(stored)


def test_a_life_of_a_certificate_leaves_no_secret_in_log_or_store(
    app: MemoryApplication, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    challenge = mint()
    reply = enrol(app, csr(challenge=challenge), self_signed())
    assert reply.status is PKIStatus.SUCCESS
    device = Requester(reply.certificates[0], key(0))
    assert enrol(app, csr(challenge=challenge, number=1), self_signed(1)).status is PKIStatus.FAILURE
    assert (
        enrol(app, csr("CN=else,O=Example", challenge=challenge), self_signed()).status is PKIStatus.FAILURE
    )
    assert enrol(app, csr("CN=dev1", challenge=STATIC_SECRET), self_signed(), "static").certificates
    assert not enrol(app, csr("CN=dev1", challenge=WRONG_SECRET), self_signed(), "static").certificates
    assert not enrol(app, csr(challenge=WRONG_SECRET), self_signed()).certificates
    assert mint(WRONG_SECRET) == ""
    app.now += 200 * DAY
    assert enrol(app, csr(number=1), device).status is PKIStatus.SUCCESS
    assert enrol(app, csr(challenge=challenge), self_signed()).status is PKIStatus.FAILURE
    for given in (MANAGEMENT_KEY, WRONG_SECRET):
        path, headers = f"/manage/certificates/{device.certificate.serial_hex}", {"x-scepter-key": given}
        route = {"serial": device.certificate.serial_hex}
        call(management.change_revocation, request("PUT", path, headers=headers, route=route))
    for content, _ in list(app.queues["crl-requests"].sent):
        timers.publish_crl_on_request(queue_message(content))
    said = logged(caplog)
    assert "issued" in said
    assert "refused" in said
    assert "is now revoked" in said
    for secret in secrets_of(challenge):
        assert secret not in said
        assert secret not in everything(app)


def secrets_of(challenge: str) -> list[str]:
    """What must not be seen: whole, and in the parts that a careless cut would leave."""
    keys = [
        key(number).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().splitlines()[5]
        for number in (0, 1)
    ]
    whole = [CALLER_SECRET, STATIC_SECRET, MANAGEMENT_KEY, WRONG_SECRET, LOCAL["SCEPTER_CHALLENGE_KEYS"]]
    return [*whole, *keys, challenge, challenge[:60], challenge[-60:], "PRIVATE KEY"]


def test_an_unexpected_failure_in_the_middle_logs_no_secret(
    app: MemoryApplication, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    challenge = mint()

    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.store, "claim", fail)
    data, _, _ = build_request(csr(challenge=challenge), self_signed(), app.world.ra.certificate)
    response = call(
        scep.scep,
        request("POST", "/scep/device?operation=PKIOperation", body=data, route={"profile": "device"}),
    )
    assert response.status_code == 500
    assert "Traceback" in caplog.text
    for secret in secrets_of(challenge):
        assert secret not in logged(caplog)


def test_the_application_shows_no_secret(app: MemoryApplication) -> None:
    challenge = mint()
    parts = (
        app.settings,
        app.sealed,
        app.mint,
        app.validators,
        app.scep,
        app.issuer,
        app.ra,
        app.revocations,
    )
    shown = "".join(map(repr, parts))
    for secret in secrets_of(challenge):
        assert secret not in shown


def test_every_line_of_an_enrolment_names_its_transaction(
    app: MemoryApplication, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="scepter.scep"):
        for challenge in (mint(), "wrong"):
            data, transaction, _ = build_request(
                csr(challenge=challenge), self_signed(), app.world.ra.certificate
            )
            caplog.clear()
            path = "/scep/device?operation=PKIOperation"
            call(scep.scep, request("POST", path, body=data, route={"profile": "device"}))
            outcomes = [
                record.getMessage() for record in caplog.records if "operation=" not in record.getMessage()
            ]
            assert outcomes
            assert all(transaction in line for line in outcomes)
