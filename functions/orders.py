"""`/manage/orders` and `/manage/deliveries`: what became of orders, and who fetched what."""

from __future__ import annotations

from itertools import islice
from typing import Any

import azure.functions as func

from functions.answers import answer, document
from functions.authorisation import authorise
from shared.pfx.results import delivery_path
from shared.store.deliveries import Delivery, DeliveryAct
from shared.store.orders import OrderEntry
from shared.wiring import Application, application

blueprint = func.Blueprint()

_USUAL_ROWS, _MOST_ROWS = 100, 1000
_KIND = "pkcs"


@blueprint.function_name("list_orders")
@blueprint.route("manage/orders", methods=["GET"])
def list_orders(req: func.HttpRequest) -> func.HttpResponse:
    """`?kind=pkcs`, `?caller=`, `?state=accepted`, `delivered` or `failed`, `?limit=`: orders by caller and id."""
    return answer(lambda: _list(req))


@blueprint.function_name("show_delivery")
@blueprint.route("manage/deliveries/{id}", methods=["GET"])
def show_delivery(req: func.HttpRequest) -> func.HttpResponse:
    """A delivery without its content, and every fetch and what else happened to it, as long as that is on record."""
    return answer(lambda: _show(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    asked = req.params.get("limit", "")
    limit = min(int(asked) if asked.isdecimal() else _USUAL_ROWS, _MOST_ROWS)
    caller, state = req.params.get("caller"), req.params.get("state")
    found = (
        entry
        for entry in application().orders.entries(req.params.get("kind", _KIND))
        if caller in (None, entry.caller) and state in (None, entry.state.value)
    )
    return document(200, {"orders": [_order(entry) for entry in islice(found, limit)]})


def _show(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app, identifier = application(), str(req.route_params["id"])
    delivery = app.deliveries.find(identifier)
    acts = app.deliveries.acts_of(identifier, delivery, app.settings.order_life)
    return document(200, {"delivery": _delivery(app, delivery), "acts": [_act(act) for act in acts]})


def _order(entry: OrderEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "caller": entry.caller,
        "id": entry.id,
        "profile": entry.profile,
        "state": entry.state.value,
        "requestedAt": entry.requested_at.isoformat(),
        "handledAt": entry.handled_at.isoformat(),
        "device": entry.device,
        "user": entry.user,
        "serial": entry.serial,
        "delivery": entry.delivery,
        "note": entry.note,
    }


def _delivery(app: Application, delivery: Delivery | None) -> dict[str, Any] | None:
    if delivery is None:
        return None
    return {
        "path": delivery_path(delivery.id),
        "serial": delivery.serial,
        "madeAt": delivery.made_at.isoformat(),
        "expiresAt": delivery.expires_at.isoformat(),
        "over": delivery.over or delivery.expires_at <= app.clock(),
    }


def _act(act: DeliveryAct) -> dict[str, str]:
    return {"act": act.act.value, "at": act.at.isoformat(), "source": act.source}
