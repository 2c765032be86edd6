"""The function app: the blueprints and nothing else. No logic, no settings."""

import azure.functions as func

from functions import (
    approvals,
    challenges,
    direct,
    event_timers,
    events,
    management,
    monday,
    parcels,
    pfx,
    pki,
    revocations,
    scep,
    timers,
    traces,
)
from shared.wiring import close

__all__ = ["app", "close"]  # the embedded host calls `close` at its end

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for room in (
    scep,
    challenges,
    pki,
    events,
    management,
    revocations,
    monday,
    approvals,
    direct,
    parcels,
    pfx,
    traces,
    timers,
    event_timers,
):
    app.register_functions(room.blueprint)
