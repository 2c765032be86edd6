"""The function app: the blueprints and nothing else. No logic, no settings."""

import azure.functions as func

from functions import (
    approvals,
    authorities,
    callbacks,
    challenges,
    crl,
    crl_timers,
    deliveries,
    direct,
    event_timers,
    events,
    health_timer,
    intune,
    management,
    notifications,
    ocsp,
    openapi,
    operations,
    orders,
    outside,
    parcels,
    pfx,
    pkcs,
    pki,
    revocations,
    scep,
    tenants,
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
    ocsp,
    events,
    management,
    authorities,
    crl,
    revocations,
    operations,
    approvals,
    direct,
    parcels,
    pfx,
    outside,
    traces,
    timers,
    crl_timers,
    event_timers,
    health_timer,
    intune,
    notifications,
    tenants,
    pkcs,
    deliveries,
    callbacks,
    orders,
    openapi,
):
    app.register_functions(room.blueprint)
