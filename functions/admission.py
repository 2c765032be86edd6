"""Where SCEP calls come in: counted and given a place on the worker's event loop, worked on by threads of ours.

A plain function would wait for a thread before a line of it runs, so a worker whose threads all wait for storage
could not even refuse. Here the refusal needs no thread.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future

import azure.functions as func

from functions.answers import answer, failure
from functions.origin import source_of
from shared.errors import Overloaded
from shared.wiring import Application, application

Call = Callable[[], func.HttpResponse]


async def admit(
    req: func.HttpRequest, context: func.Context, call: Call, *, limited: bool
) -> func.HttpResponse:
    """What `call` answers, on a thread; if the call is `limited` and there is no place for it, a refusal at once."""
    try:
        app = application()
        work = _enter(app, req, context, call) if limited else _submit(app, context, call)
    except Exception as error:  # noqa: BLE001 - it is in the log
        return failure(error)
    return await asyncio.wrap_future(work)


def _enter(
    app: Application, req: func.HttpRequest, context: func.Context, call: Call
) -> Future[func.HttpResponse]:
    if app.source_rate is not None:
        app.source_rate.count(source_of(req, app.settings.trusted_proxies))
    app.admission.enter()
    try:
        work = _submit(app, context, call)
    except BaseException:
        app.admission.leave()
        raise
    # However it ends, and also if it never begins.
    work.add_done_callback(lambda _: app.admission.leave())
    return work


def _submit(app: Application, context: func.Context, call: Call) -> Future[func.HttpResponse]:
    """On a thread, with the invocation's id where the platform's log and telemetry look for it."""

    def work() -> func.HttpResponse:
        if (local := getattr(context, "thread_local_storage", None)) is not None:
            local.invocation_id = context.invocation_id
        return answer(call)

    try:
        return app.scep_threads.submit(contextvars.copy_context().run, work)
    except RuntimeError:
        raise Overloaded("the worker ends and begins nothing new") from None
