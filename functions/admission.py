"""Where SCEP and OCSP calls come in: given a place on the worker's event loop, worked on by threads of their own.

A plain function would wait for a thread before a line of it runs, so a worker whose threads all wait for storage
could not even refuse. Here the refusal needs no thread.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor, Future

import azure.functions as func

from functions.answers import answer, failure
from functions.origin import source_of
from shared.errors import Overloaded
from shared.scep.admission import Admission
from shared.wiring import Application, application

Call = Callable[[], func.HttpResponse]
Work = Future[func.HttpResponse]


async def admit(
    req: func.HttpRequest, context: func.Context, call: Call, *, limited: bool
) -> func.HttpResponse:
    """What `call` answers, on a thread; if the call is `limited` and there is no place for it, a refusal at once."""
    try:
        app = application()
        work = _enter(app, req, context, call) if limited else begin(app.scep_threads, context, call)
    except Exception as error:  # noqa: BLE001 - it is in the log
        return failure(error)
    return await asyncio.wrap_future(work)


def _enter(app: Application, req: func.HttpRequest, context: func.Context, call: Call) -> Work:
    if app.source_rate is not None:
        app.source_rate.count(source_of(req, app.settings.trusted_proxies))
    return take_place(app.admission, app.scep_threads, context, call)


def take_place(admission: Admission, threads: Executor, context: func.Context, call: Call) -> Work:
    """`call` begun on one of `threads` if there is a place for it. Raises Overloaded."""
    admission.enter()
    try:
        work = begin(threads, context, call)
    except BaseException:
        admission.leave()
        raise
    # However it ends, and also if it never begins.
    work.add_done_callback(lambda _: admission.leave())
    return work


def begin(threads: Executor, context: func.Context, call: Call) -> Work:
    """On a thread, with the invocation's id where the platform's log and telemetry look for it. Raises Overloaded."""

    def work() -> func.HttpResponse:
        if (local := getattr(context, "thread_local_storage", None)) is not None:
            local.invocation_id = context.invocation_id
        return answer(call)

    try:
        return threads.submit(contextvars.copy_context().run, work)
    except RuntimeError:
        raise Overloaded("the worker ends and begins nothing new") from None
