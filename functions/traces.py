"""`GET /manage/traces`: what happened to a transaction, a device's enrolments, a certificate's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import get_args

import azure.functions as func

from functions.answers import answer, document
from functions.authorisation import authorise
from shared.errors import MalformedMessage, PolicyViolation
from shared.record.remedies import remedy
from shared.store.traces import Trace, TraceKey
from shared.wiring import Application, application

blueprint = func.Blueprint()

_FEW, _MOST = 20, 200
_LONGEST_KEY = 512
_SECONDS = 3.0
"""For this worker's own traces to be written first."""


@blueprint.function_name("list_traces")
@blueprint.route("manage/traces", methods=["GET"])
def list_traces(req: func.HttpRequest) -> func.HttpResponse:
    """`?id=<transaction>`, `?device=<id>` or `?serial=<serial>`, and `&limit=`: traces, the newest first."""
    return answer(lambda: _list(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app = application()
    if app.recorder is None:
        raise PolicyViolation("traces are off", public="Traces are off: SCEPTER_TRACE_DAYS is 0.")
    key, value = _asked(req)
    limit = req.params.get("limit", "")
    app.recorder.flush(_SECONDS)
    found = islice(_find(app, key, value), min(int(limit), _MOST) if limit.isdecimal() else _FEW)
    return document(200, {"traces": [as_json(trace) for trace in found]})


def _asked(req: func.HttpRequest) -> tuple[TraceKey, str]:
    given: list[tuple[TraceKey, str]] = [
        (key, req.params[key]) for key in get_args(TraceKey) if req.params.get(key)
    ]
    if len(given) != 1 or len(given[0][1]) > _LONGEST_KEY:
        raise MalformedMessage("traces by no key or by several", public="Give one of id, device and serial.")
    key, value = given[0]
    return key, value if key == "id" else value.lower()


def _find(app: Application, key: TraceKey, value: str) -> Iterator[Trace]:
    today = app.clock().date()
    days = [today - timedelta(days=back) for back in range(app.settings.trace_days + 1)]
    return app.traces.find(key, value, days) if key != "serial" else _of_serial(app, value, days)


def _of_serial(app: Application, serial: str, days: list[date]) -> Iterator[Trace]:
    """Traces are filed under the device where there is one, which the record knows."""
    record = app.find_record(serial)
    if record is None or not record.device:
        return app.traces.find("serial", serial, days)
    found = app.traces.find("device", record.device.lower(), days)
    return (trace for trace in found if trace.serial == serial)


def as_json(trace: Trace) -> dict[str, object]:
    """Plain values; times in milliseconds, `at` in ISO 8601."""
    return {
        "transaction": trace.transaction,
        "at": trace.at.isoformat(timespec="milliseconds"),
        "operation": trace.operation,
        "profile": trace.profile,
        "source": trace.source,
        "agent": trace.agent,
        "status": trace.status,
        "failInfo": trace.fail_info,
        "serial": trace.serial,
        "device": trace.device,
        "user": trace.user,
        "subject": trace.subject,
        "error": trace.error,
        "cause": trace.cause,
        "remedy": remedy(trace),
        "milliseconds": trace.milliseconds,
        "steps": [
            {"name": step.name, "milliseconds": step.milliseconds, "outcome": step.outcome}
            for step in trace.steps
        ],
    }
