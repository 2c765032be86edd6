"""`/deliveries/{id}`: what waits for a device, fetched and acknowledged with the delivery's own key."""

from __future__ import annotations

import azure.functions as func

from functions.answers import answer, text
from functions.authorisation import require_tls
from functions.bearer import bearer
from functions.origin import source_of
from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("fetch_delivery")
@blueprint.route("deliveries/{id}", methods=["GET"])
def fetch_delivery(req: func.HttpRequest) -> func.HttpResponse:
    """`Authorization: Bearer <key of the delivery>`; its content in JSON. Every fetch is on record."""
    return answer(lambda: _fetch(req))


@blueprint.function_name("delete_delivery")
@blueprint.route("deliveries/{id}", methods=["DELETE"])
def delete_delivery(req: func.HttpRequest) -> func.HttpResponse:
    """The device has it: its content is removed. The same as `POST /deliveries/{id}/ack`."""
    return answer(lambda: _acknowledge(req))


@blueprint.function_name("acknowledge_delivery")
@blueprint.route("deliveries/{id}/ack", methods=["POST"])
def acknowledge_delivery(req: func.HttpRequest) -> func.HttpResponse:
    """The device has it: its content is removed. Again does no harm."""
    return answer(lambda: _acknowledge(req))


@blueprint.function_name("purge_deliveries")
@blueprint.timer_trigger(arg_name="timer", schedule="0 53 * * * *", run_on_startup=False)
def purge_deliveries(timer: func.TimerRequest) -> None:
    """Every hour: remove deliveries that are over, revoke what nobody fetched, forget orders of long ago."""
    application().purge_deliveries()


def _fetch(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    require_tls(req, app)
    source = source_of(req, app.settings.trusted_proxies)
    content = app.deliveries.fetch(str(req.route_params["id"]), bearer(req), source=source)
    return func.HttpResponse(content, headers={"Cache-Control": "no-store"}, mimetype="application/json")


def _acknowledge(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    require_tls(req, app)
    source = source_of(req, app.settings.trusted_proxies)
    app.deliveries.acknowledge(str(req.route_params["id"]), bearer(req), source=source)
    return text(200, "Acknowledged.")
