"""OCSP under load: so many requests at a time, the next is told tryLater at once, and nobody else is kept waiting."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from shared.store.ports import CertificateRecord
from tests.functions.conftest import Make
from tests.functions.memory import EMBEDDED, Context, MemoryApplication
from tests.functions.memory import call as call_scep
from tests.functions.memory import request as scep_request
from tests.functions.ocsp_calls import Told, call, post, request_for

NOBODYS = "26aa" + "99" * 17
PLACES = 4


class Gate:
    """Reads of records wait while it is closed."""

    def __init__(self, app: MemoryApplication, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.arrivals = threading.Event(), threading.Semaphore(0)
        self._find = app.store.find
        monkeypatch.setattr(app.store, "find", self.find)

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        self.arrivals.release()
        assert self.open.wait(60)
        return self._find(issuer, serial)

    async def arrived(self, count: int) -> None:
        for _ in range(count):
            assert await asyncio.to_thread(self.arrivals.acquire, timeout=60)


async def told(message: bytes) -> str:
    return Told(await asyncio.wait_for(call(post(message)), 30)).status


def test_with_a_store_that_hangs_the_next_is_told_at_once_and_the_others_are_answered(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(SCEPTER_MAX_OCSP=str(PLACES))
    message = request_for(app, NOBODYS)
    assert asyncio.run(told(message)) == "SUCCESSFUL"  # so that there is a responder
    gate = Gate(app, monkeypatch)

    async def scene() -> list[str]:
        inside = [asyncio.create_task(told(message)) for _ in range(PLACES)]
        await gate.arrived(PLACES)
        threads = threading.active_count()
        for _ in range(200):
            assert await told(message) == "TRY_LATER"
        assert threading.active_count() <= threads + 1
        # Nobody who enrols waits for it, and enrolments have their places still.
        caps = await asyncio.wait_for(call_scep(scep_request(operation="GetCACaps")), 30)
        assert caps.status_code == 200
        app.admission.enter()
        app.admission.leave()
        assert not any(task.done() for task in inside)
        gate.open.set()
        return [*await asyncio.gather(*inside), await told(message)]

    assert asyncio.run(scene()) == ["SUCCESSFUL"] * (PLACES + 1)


def test_enrolments_that_hang_keep_no_relying_party_waiting(make: Make) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS="1", SCEPTER_MAX_OCSP="1")
    app.admission.enter()
    for _ in range(3):
        assert asyncio.run(told(request_for(app, NOBODYS))) == "SUCCESSFUL"


@pytest.mark.parametrize("body", [b"", b"\x30\x80", b"x" * 100_000])
def test_a_place_comes_back_however_it_ends(make: Make, body: bytes) -> None:
    make(SCEPTER_MAX_OCSP="1")
    assert [asyncio.run(told(body)) for _ in range(5)] == ["MALFORMED_REQUEST"] * 5


def test_a_place_comes_back_from_a_fault_of_ours(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(SCEPTER_MAX_OCSP="1")
    monkeypatch.setattr(type(app), "ocsp", None)
    assert [asyncio.run(told(b"x")) for _ in range(3)] == ["INTERNAL_ERROR"] * 3
    assert "unexpected failure" in caplog.text


def test_a_worker_that_ends_begins_nothing_new(make: Make) -> None:
    app = make(SCEPTER_MAX_OCSP="1")
    message = request_for(app, NOBODYS)
    app.close()
    assert [asyncio.run(told(message)) for _ in range(3)] == ["TRY_LATER"] * 3


def test_work_is_done_under_the_invocations_id_and_not_on_the_loop(make: Make) -> None:
    make()
    context, seen = Context("the-id"), list[tuple[str, bool]]()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            here = getattr(context.thread_local_storage, "invocation_id", "")
            seen.append((here, threading.current_thread() is threading.main_thread()))

    watch: Callable[[], logging.Handler] = Watch
    handler, logger = watch(), logging.getLogger("scepter.ocsp")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        asyncio.run(call(post(b"junk"), context))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert seen == [("the-id", False)]


def test_a_context_without_thread_storage_will_do(make: Make) -> None:
    app = make()
    assert Told(asyncio.run(call(post(request_for(app, NOBODYS)), EMBEDDED))).status == "SUCCESSFUL"
