"""`POST /pkcs/requests` and the queue `pkcs-requests`: named callers order keys that are made here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

import azure.functions as func
from pydantic import AwareDatetime, Field

from functions.answers import answer, document, text
from functions.authorisation import require_tls
from functions.bearer import bearer
from functions.messages import Message, handle
from shared.errors import MalformedMessage, Overloaded, RateExceeded, UnknownCertificate
from shared.pfx.order import PKCSOrder
from shared.pfx.results import delivery_path, result_of
from shared.policy.callers import Caller
from shared.store.orders import OrderEntry, OrderState
from shared.wiring import application

blueprint = func.Blueprint()
QUEUE = "pkcs-requests"


class PKCSMessage(Message, PKCSOrder):
    """A PKCSOrder, as a program may put it there itself. `receivedAt` is ours, set when it came by HTTP and was counted
    there."""

    version: Literal[1] = 1
    received_at: AwareDatetime | None = Field(default=None, alias="receivedAt")


@blueprint.function_name("order_key")
@blueprint.route("pkcs/requests", methods=["POST"])
def order_key(req: func.HttpRequest) -> func.HttpResponse:
    """`Authorization: Bearer <secret of a caller>`, body a PKCSOrder; 202, or 200 for one that is delivered already."""
    return answer(lambda: _order(req))


@blueprint.function_name("show_key_order")
@blueprint.route("pkcs/requests/{id}", methods=["GET"])
def show_key_order(req: func.HttpRequest) -> func.HttpResponse:
    """How an order of the caller stands, and a key to its delivery."""
    return answer(lambda: _show(req))


@blueprint.function_name("serve_key_order")
@blueprint.queue_trigger(arg_name="msg", queue_name=QUEUE, connection="AzureWebJobsStorage")
def serve_key_order(msg: func.QueueMessage) -> None:
    """Make the key, certify it, seal it to the device and deliver it."""
    handle(msg, PKCSMessage, QUEUE, lambda message: _serve(message, msg.insertion_time))


def _order(req: func.HttpRequest) -> func.HttpResponse:
    app, body = application(), req.get_body()
    require_tls(req, app)
    if not body and "chunked" in req.headers.get("transfer-encoding", "").lower():
        return text(411, "Send the order with a Content-Length.")
    caller = app.callers.admit(bearer(req))
    order = PKCSOrder.parse(body)
    if order.caller not in (None, caller.name):
        raise MalformedMessage(
            "an order in another caller's name", public="caller is not who holds the secret."
        )
    entry = app.pkcs.accept(order, caller)
    if entry.state is OrderState.DELIVERED:
        return document(200, _told(entry))
    now = app.clock().isoformat()
    message = json.loads(order.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    stamps = {"caller": caller.name, "receivedAt": now, "requestedAt": message.get("requestedAt", now)}
    app.queue(QUEUE).send({**message, **stamps, "version": 1})
    return document(202, _told(entry) | {"state": OrderState.ACCEPTED.value})


def _show(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    require_tls(req, app)
    caller = app.callers.identify(bearer(req))
    entry = app.pkcs.find(caller, str(req.route_params["id"]))
    if entry is None:
        raise UnknownCertificate(f"no order of that id of {caller.name}", public="No such order.")
    return document(200, _told(entry))


def _told(entry: OrderEntry) -> dict[str, object]:
    """The result so far; the key opens the delivery for whoever the caller gives it to, already before it is there."""
    keys = application().delivery_keys
    path, key = delivery_path(entry.delivery), keys.seal(entry.delivery)
    return result_of(entry) | {"status": f"/pkcs/requests/{entry.id}", "delivery": path, "key": key}


def _serve(message: PKCSMessage, inserted: datetime | None) -> None:
    app = application()
    if message.caller is None:
        raise MalformedMessage("caller: an order on the queue has to name its caller")
    caller = app.callers.named(message.caller)
    if message.received_at is None:
        _count(caller)
    known = (message.requested_at, message.received_at, message.first_tried_at, inserted)
    moments = [_aware(moment) for moment in known if moment is not None]
    app.pkcs.serve(message.model_copy(update={"requested_at": min(moments, default=app.clock())}), caller)


def _count(caller: Caller) -> None:
    """Who orders on the queue faster than it may waits its turn, and nothing is lost."""
    try:
        application().callers.count(caller)
    except RateExceeded as error:
        raise Overloaded(error.reason) from None


def _aware(moment: datetime) -> datetime:
    """The platform gives some times without their zone, which is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
