"""Under load: so many enrolments at a time, the next is refused at once, and all that were let in are served."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import azure.functions as func
import pytest

from shared import wiring
from shared.errors import SettingsError
from shared.scep.message import PKIStatus
from tests.functions.conftest import Make
from tests.functions.memory import EMBEDDED, Context, Enrolment, GatedStore, call, now, request

PLACES = 6


def post(enrolment: Enrolment, address: str = "198.51.100.7") -> func.HttpRequest:
    return request(enrolment.der, headers={"x-forwarded-for": address})


async def arrived(store: GatedStore, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(store.arrivals.acquire, timeout=60)


def refused(answer: func.HttpResponse, status: int) -> None:
    assert answer.status_code == status
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Cache-Control"] == "no-store"


def test_with_a_store_that_hangs_the_next_is_refused_at_once_and_the_others_complete(make: Make) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS=str(PLACES))
    enrolments = [Enrolment.make(app, f"dev-{number}") for number in range(PLACES + 1)]

    async def scene() -> list[func.HttpResponse]:
        app.store.gate.clear()
        inside = [asyncio.create_task(call(post(each))) for each in enrolments[:PLACES]]
        await arrived(app.store, PLACES)
        threads = threading.active_count()
        for _ in range(200):
            refused(await asyncio.wait_for(call(post(enrolments[-1])), 30), 503)
        assert threading.active_count() <= threads + 1
        # What takes no place is served meanwhile.
        caps = await asyncio.wait_for(call(request(operation="GetCACaps")), 30)
        assert caps.status_code == 200
        assert not any(task.done() for task in inside)
        app.store.gate.set()
        answers = list(await asyncio.gather(*inside))
        return [*answers, await call(post(enrolments[-1]))]

    answers = asyncio.run(scene())
    replies = [each.read(answer) for each, answer in zip(enrolments, answers, strict=True)]
    assert {reply.status for reply in replies} == {PKIStatus.SUCCESS}
    assert len(list(app.store.records(app.issuer.id))) == PLACES + 1


def test_after_a_wave_all_places_are_free_again(make: Make) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS="2")
    enrolments = [Enrolment.make(app, f"dev-{number}") for number in range(12)]

    async def wave() -> list[int]:
        return [
            answer.status_code for answer in await asyncio.gather(*(call(post(each)) for each in enrolments))
        ]

    statuses = asyncio.run(wave())
    assert set(statuses) == {200, 503}
    for _ in range(2):
        app.admission.enter()
    for _ in range(2):
        app.admission.leave()
    assert [now(post(each)).status_code for each in enrolments] == [200] * 12


@pytest.mark.parametrize("body", [b"", b"\x30\x80", b"x" * 100_000], ids=["empty", "malformed", "too large"])
def test_a_place_comes_back_however_it_ends(make: Make, body: bytes) -> None:
    make(SCEPTER_MAX_ENROLMENTS="1")
    statuses = [now(request(body)).status_code for _ in range(5)]
    assert set(statuses) < {400, 413}


def test_a_place_comes_back_from_a_fault_of_ours(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS="1")
    vars(app)["profiles"] = None
    for _ in range(3):
        answer = now(request(b"x"))
        assert (answer.status_code, answer.get_body()) == (500, b"Internal error.\n")
    assert "unexpected failure" in caplog.text


def test_a_place_comes_back_when_the_caller_goes_away(make: Make) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS="1")
    first, second = Enrolment.make(app, "dev-1"), Enrolment.make(app, "dev-2")

    async def scene() -> func.HttpResponse:
        app.store.gate.clear()
        gone = asyncio.create_task(call(post(first)))
        await arrived(app.store, 1)
        gone.cancel()
        refused(await call(post(second)), 503)
        app.store.gate.set()
        while (answer := await call(post(second))).status_code == 503:
            await asyncio.sleep(0.01)
        return answer

    assert second.read(asyncio.run(scene())).status is PKIStatus.SUCCESS


def test_a_worker_that_ends_begins_nothing_new(make: Make) -> None:
    app = make(SCEPTER_MAX_ENROLMENTS="1")
    enrolment = Enrolment.make(app, "dev-1")
    app.close()
    for _ in range(3):
        refused(now(post(enrolment)), 503)


def test_a_source_that_asks_too_often_is_told_429_and_the_next_is_served(make: Make) -> None:
    app = make(SCEPTER_SOURCE_RATE="3/hour")
    enrolments = [Enrolment.make(app, f"dev-{number}") for number in range(5)]
    answers = [now(post(each)) for each in enrolments]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    refused(answers[-1], 429)
    assert now(post(enrolments[-1], "198.51.100.8")).status_code == 200
    # It may still read what is public.
    for operation in ("GetCACaps", "GetCACert"):
        headers = {"x-forwarded-for": "198.51.100.7"}
        assert now(request(operation=operation, headers=headers)).status_code == 200


def test_nobody_talks_oneself_out_of_a_rate(make: Make) -> None:
    app = make(SCEPTER_SOURCE_RATE="1/hour", SCEPTER_TRUSTED_PROXIES="10.0.0.0/8")
    enrolments = [Enrolment.make(app, f"dev-{number}") for number in range(4)]
    claims = ["198.51.100.7", "203.0.113.1, 198.51.100.7", "10.0.0.1, 198.51.100.7", "198.51.100.7, 10.0.0.1"]
    statuses = [now(post(each, claim)).status_code for each, claim in zip(enrolments, claims, strict=True)]
    assert statuses == [200, 429, 429, 429]


def test_a_refused_source_takes_no_place(make: Make) -> None:
    app = make(SCEPTER_SOURCE_RATE="1/hour", SCEPTER_MAX_ENROLMENTS="1")
    enrolment = Enrolment.make(app, "dev-1")
    assert [now(post(enrolment)).status_code for _ in range(3)] == [200, 429, 429]
    app.admission.enter()


def test_settings_that_are_wrong_are_a_fault_in_the_log_and_nothing_to_strangers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong() -> None:
        raise SettingsError("SCEPTER_PUBLIC_URL: is missing")

    monkeypatch.setattr("functions.admission.application", wrong)
    answer = now(request(b"x"))
    assert (answer.status_code, answer.get_body()) == (500, b"Internal error.\n")
    assert "SCEPTER_PUBLIC_URL" in caplog.text


def test_work_is_done_under_the_invocations_id_and_not_on_the_loop(make: Make) -> None:
    make()
    context, seen = Context("the-id"), list[tuple[str, bool]]()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            here = getattr(context.thread_local_storage, "invocation_id", "")
            seen.append((here, threading.current_thread() is threading.main_thread()))

    watch: Callable[[], logging.Handler] = Watch
    handler, logger = watch(), logging.getLogger("scepter.scep")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        asyncio.run(call(request(operation="GetCACaps"), context))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert seen == [("the-id", False)]


def test_a_context_without_thread_storage_will_do(make: Make) -> None:
    make()
    assert asyncio.run(call(request(operation="GetCACaps"), EMBEDDED)).status_code == 200


def test_without_an_application_there_is_nothing_to_close() -> None:
    wiring.use(None)
    wiring.close()
