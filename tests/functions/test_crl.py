"""The management API of the CRLs, and their nightly and hourly work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import azure.functions as func
import pytest

from functions import crl, crl_timers
from shared import wiring
from shared.errors import StoreUnavailable
from shared.store.ports import Revocation, RevocationChange
from shared.x509.crl import parse_crl
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, issue, request, text
from tests.scep.authority import DAY, NOW, URL

KEY = {"x-scepter-key": MANAGEMENT_KEY}
NO_TIMER = cast("func.TimerRequest", None)


@pytest.fixture
def parts() -> Iterator[MemoryApplication]:
    app = MemoryApplication(SCEPTER_CRL_SHARDS="2", SCEPTER_CRL_DELTA_HOURS="4")
    wiring.use(app)
    yield app
    wiring.use(None)


def show(headers: dict[str, str] = KEY) -> func.HttpResponse:
    return call(crl.show_crls, request("GET", "/manage/crl", headers=headers))


def reconcile(headers: dict[str, str] = KEY) -> func.HttpResponse:
    return call(crl.reconcile_crl_now, request("POST", "/manage/crl/reconciliation", headers=headers))


def lose_a_change(app: MemoryApplication) -> str:
    """A certificate that is revoked on record, and no CRL will learn of it; its serial number."""
    record = app.store.find(app.issuer.id, issue(app).serial)
    assert record is not None
    app.store.set_revocation(record, Revocation("superseded", NOW, "tests"))
    return record.serial


@pytest.mark.parametrize("ask", [show, reconcile])
def test_no_call_is_served_without_authorisation(
    app: MemoryApplication, ask: Callable[..., func.HttpResponse]
) -> None:
    app.publish()
    for headers in ({}, {"x-scepter-key": "wrong"}):
        response = ask(headers)
        assert response.status_code == 403
        assert app.issuer.id not in text(response)


def test_every_trigger_of_the_api_is_asked_above() -> None:
    assert len([trigger for trigger in vars(crl).values() if hasattr(trigger, "_function")]) == 2


def test_all_that_stand_published_are_shown(parts: MemoryApplication) -> None:
    parts.publish()
    found = body(show())
    base = f"{URL}/crl/{parts.issuer.id}"
    assert [each["url"] for each in found["crls"]] == [
        f"{base}{name}.crl" for name in ("", "-delta", "/2-0", "/2-0-delta", "/2-1", "/2-1-delta")
    ]
    assert (found["shardCounts"], datetime.fromisoformat(found["cursor"])) == ([2], NOW)
    for each in found["crls"]:
        stored = parts.blobs.read(each["url"].removeprefix(f"{URL}/"))
        assert stored is not None
        read = parse_crl(stored.data)
        assert each == {
            "issuer": parts.issuer.id,
            "url": each["url"],
            "number": read.number,
            "base": read.base,
            "entries": len(read),
            "bytes": len(stored.data),
            "thisUpdate": read.this_update.isoformat(),
            "nextUpdate": read.next_update.isoformat(),
        }


def test_where_nothing_is_published_yet_one_is_told(app: MemoryApplication) -> None:
    assert show().status_code == 503


def test_a_reconciliation_tells_what_it_did(app: MemoryApplication) -> None:
    app.publish()
    app.now += 2 * DAY
    app.publish()
    serial = lose_a_change(app)
    nothing: dict[str, list[Any]] = {"lifted": [], "finished": [], "unknown": [], "retired": []}
    assert body(reconcile()) == {"listed": [serial], **nothing}
    assert body(reconcile()) == {"listed": [], **nothing}


def test_every_night_lost_changes_are_mended(app: MemoryApplication) -> None:
    app.publish()
    app.now += 2 * DAY
    app.publish()
    serial = lose_a_change(app)
    crl_timers.reconcile_crl(NO_TIMER)
    found = app.blobs.read(app.crl_publisher(app.issuer).name)
    assert found is not None
    assert [entry.serial_hex for entry in parse_crl(found.data).entries()] == [serial]


def test_change_rows_are_deleted_a_week_behind_the_crl(app: MemoryApplication) -> None:
    def changes() -> int:
        return len(list(app.store.changes(app.issuer.id, NOW - 30 * DAY)))

    def purge() -> None:
        crl_timers.purge_changes(NO_TIMER)

    for hours in (0, 1):
        moment = NOW + timedelta(hours=hours)
        app.store.note_change(RevocationChange(app.issuer.id, "27ca", moment, None))
    app.now += 30 * DAY
    purge()
    assert changes() == 2, "no CRL has read them"
    app.now = NOW + 7 * DAY + timedelta(hours=1)
    app.publish()
    app.now += 30 * DAY
    purge()
    assert changes() == 1, "a week behind the CRL, however late it is"
    app.publish()
    purge()
    assert changes() == 0


@pytest.mark.parametrize("trigger", [crl_timers.reconcile_crl, crl_timers.purge_changes])
def test_a_run_that_fails_is_the_hosts_to_report(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch, trigger: Callable[..., Any]
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    for method in ("read", "stat"):
        monkeypatch.setattr(app.blobs, method, away)
    with pytest.raises(StoreUnavailable):
        trigger(NO_TIMER)
