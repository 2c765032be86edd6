"""Queue messages: malformed ones are kept with their reason, a missing dependency delays, a fault is poison."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from functions import timers
from functions.messages import CRLRequest, handle
from shared.errors import (
    Conflict,
    IssuanceFault,
    KeyUnavailable,
    PKIError,
    StoreUnavailable,
    UnknownCertificate,
)
from shared.store.limits import MESSAGE_BYTES
from tests.functions.application import MemoryApplication, crl_request, issue, queue_message
from tests.scep.authority import DAY, NOW

QUEUE = "crl-requests"
POISON = "crl-requests-poison"
SECOND = timedelta(seconds=1)


def kept(app: MemoryApplication) -> list[Any]:
    return [content for content, _ in app.queues[POISON].sent]


def failing(error: PKIError, seen: list[CRLRequest] | None = None) -> Any:
    def call(request: CRLRequest) -> None:
        if seen is not None:
            seen.append(request)
        raise error

    return call


def test_a_good_message_is_handled_once_and_leaves_nothing(app: MemoryApplication) -> None:
    seen: list[CRLRequest] = []
    handle(queue_message(crl_request(app)), CRLRequest, QUEUE, seen.append)
    assert [(each.issuer, each.changed_at, each.attempt) for each in seen] == [(app.issuer.id, NOW, 0)]
    assert app.queues[QUEUE].sent == app.queues[POISON].sent == []


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"version": 2}, "version"),
        ({"version": "1"}, "version"),
        ({"issuer": "../../x"}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"changedAt": "yesterday"}, "changedAt"),
        ({"changedAt": "2026-11-21T12:00:00"}, "changedAt"),
        ({"firstTriedAt": "2026-11-21T12:00:00"}, "firstTriedAt"),
        ({"attempt": -1}, "attempt"),
        ({"attempt": "many"}, "attempt"),
        ({"more": 1}, "more"),
    ],
)
def test_a_message_of_another_form_is_kept_with_its_reason(
    app: MemoryApplication, changes: dict[str, Any], names: str
) -> None:
    content = crl_request(app, **changes)
    handle(queue_message(content), CRLRequest, QUEUE, lambda _: pytest.fail("was handled"))
    (found,) = kept(app)
    assert names in found["reason"]
    assert json.loads(found["message"]) == content
    assert app.queues[QUEUE].sent == []


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", b"[]", b"\xff\xfe\x00", b"\xff" * MESSAGE_BYTES, b"\x00" * MESSAGE_BYTES, b'"' * 40_000],
)
def test_bytes_that_are_no_message_are_kept_whatever_they_are(app: MemoryApplication, data: bytes) -> None:
    handle(queue_message(data), CRLRequest, QUEUE, lambda _: pytest.fail("was handled"))
    (found,) = kept(app)
    assert found["reason"]
    assert found["message"][:5] == data.decode("utf-8", "replace")[:5]


def test_a_message_that_asks_for_what_is_wrong_is_kept_with_its_reason(app: MemoryApplication) -> None:
    handle(
        queue_message(crl_request(app)),
        CRLRequest,
        QUEUE,
        failing(UnknownCertificate("no certificate 25aa on record")),
    )
    (found,) = kept(app)
    assert found["reason"] == "no certificate 25aa on record"
    assert json.loads(found["message"]) == crl_request(app)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), KeyUnavailable("away"), Conflict("busy")])
def test_a_dependency_that_is_away_puts_the_same_message_back(
    app: MemoryApplication, error: PKIError
) -> None:
    handle(queue_message(crl_request(app)), CRLRequest, QUEUE, failing(error))
    ((content, delay),) = app.queues[QUEUE].sent
    assert delay == 10
    assert CRLRequest.model_validate(content).attempt == 1
    assert (content["version"], content["issuer"]) == (1, app.issuer.id)
    assert content.keys() == {"version", "issuer", "changedAt", "attempt", "firstTriedAt"}
    assert CRLRequest.model_validate(content).changed_at == NOW
    assert kept(app) == []


def test_the_delay_doubles_to_ten_minutes(app: MemoryApplication) -> None:
    content: Any = crl_request(app)
    delays = []
    for _ in range(12):
        handle(queue_message(content), CRLRequest, QUEUE, failing(StoreUnavailable("away")))
        content, delay = app.queues[QUEUE].sent[-1]
        delays.append(delay)
    assert delays == [10, 20, 40, 80, 160, 320, *[600] * 6]
    assert content["attempt"] == 12
    assert CRLRequest.model_validate(content).first_tried_at == NOW


def test_a_message_put_back_is_handled_like_the_first(app: MemoryApplication) -> None:
    handle(queue_message(crl_request(app)), CRLRequest, QUEUE, failing(StoreUnavailable("away")))
    seen: list[CRLRequest] = []
    handle(queue_message(app.queues[QUEUE].sent[0][0]), CRLRequest, QUEUE, seen.append)
    assert (seen[0].issuer, seen[0].changed_at, seen[0].attempt) == (app.issuer.id, NOW, 1)


@pytest.mark.parametrize(("age", "gives_up"), [(DAY, False), (DAY + SECOND, True), (9 * DAY, True)])
def test_a_day_of_trying_is_enough(app: MemoryApplication, age: timedelta, gives_up: bool) -> None:
    content = crl_request(app, attempt=100, firstTriedAt=(NOW - age).isoformat())
    if gives_up:
        with pytest.raises(StoreUnavailable):
            handle(queue_message(content), CRLRequest, QUEUE, failing(StoreUnavailable("away")))
        assert app.queues[QUEUE].sent == []
    else:
        handle(queue_message(content), CRLRequest, QUEUE, failing(StoreUnavailable("away")))
        assert app.queues[QUEUE].sent[0][1] == 600


@pytest.mark.parametrize("error", [IssuanceFault("a CRL number would run backwards"), ZeroDivisionError()])
def test_a_fault_of_ours_reaches_the_hosts_own_poison_rule(app: MemoryApplication, error: Exception) -> None:
    def fail(_: CRLRequest) -> None:
        raise error

    with pytest.raises(type(error)):
        handle(queue_message(crl_request(app)), CRLRequest, QUEUE, fail)
    assert app.queues[QUEUE].sent == app.queues[POISON].sent == []


def test_storage_that_is_away_while_a_message_is_kept_is_raised(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the host delivers it again; it is not lost."""

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(app.queues[POISON], "send", away)
    with pytest.raises(StoreUnavailable):
        handle(queue_message(b"junk"), CRLRequest, QUEUE, lambda _: None)


def test_what_a_revocation_sends_is_what_the_trigger_reads(app: MemoryApplication) -> None:
    record = issue(app)
    app.revocations.revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    ((content, _),) = app.queues[QUEUE].sent
    timers.publish_crl_on_request(queue_message(content))
    assert app.blobs.read(f"crl/{app.issuer.id}.crl")
    assert kept(app) == []
