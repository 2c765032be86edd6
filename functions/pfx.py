"""`POST /pfx/requests` and the queue `pfx-requests`: imported PFX files to a device, each request once in effect."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode

import azure.functions as func

from functions.answers import answer, document, text
from functions.authorisation import require_tls
from functions.bearer import bearer
from functions.messages import Message, handle
from shared.errors import MalformedMessage, UnknownCertificate
from shared.pfx.imported_request import BROUGHT, PFXOrder, delivery_id
from shared.pfx.parcel_order import body_limit, too_large
from shared.pfx.results import delivery_path
from shared.pfx.shell import check_shell
from shared.policy.callers import VoucherName
from shared.store.pfx_requests import PFXRequestEntry, RequestState
from shared.wiring import Application, application

blueprint = func.Blueprint()
QUEUE = "pfx-requests"


class PFXRequestMessage(Message, PFXOrder):
    """A PFXOrder, as a program may put it there itself, and as which caller of the policy file it asks."""

    caller: VoucherName


@blueprint.function_name("pfx_requests")
@blueprint.route("pfx/requests", methods=["POST"])
def pfx_requests(req: func.HttpRequest) -> func.HttpResponse:
    """`Authorization: Bearer <secret of a caller>`, body a PFXOrder; 202 once it is on the queue, 200 if it is done."""
    return answer(lambda: _receive(req))


@blueprint.function_name("pfx_request")
@blueprint.route("pfx/requests/{id}", methods=["GET"])
def pfx_request(req: func.HttpRequest) -> func.HttpResponse:
    """What became of a request, for the caller who made it."""
    return answer(lambda: _show(req))


@blueprint.function_name("deliver_pfx")
@blueprint.queue_trigger(arg_name="msg", queue_name=QUEUE, connection="AzureWebJobsStorage")
def deliver_pfx(msg: func.QueueMessage) -> None:
    """Seal the passwords to the device and put the delivery where it can be fetched."""
    handle(msg, PFXRequestMessage, QUEUE, _deliver)


@blueprint.function_name("purge_pfx_requests")
@blueprint.timer_trigger(arg_name="timer", schedule="0 53 * * * *", run_on_startup=False)
def purge_pfx_requests(timer: func.TimerRequest) -> None:
    """Every hour: forget requests of more than SCEPTER_PFX_REQUEST_DAYS days ago, and the files they brought."""
    application().purge_pfx_requests()


def _receive(req: func.HttpRequest) -> func.HttpResponse:
    app, body = application(), req.get_body()
    require_tls(req, app)
    caller = app.callers.admit(bearer(req))
    if not body and "chunked" in req.headers.get("transfer-encoding", "").lower():
        return text(411, "Send the request with a Content-Length.")
    if len(body) > body_limit(app.settings.largest_pfx):
        raise too_large(len(body), app.settings.largest_pfx)
    order, pfx = _apart(app, PFXOrder.parse(body), caller.name)
    request = order.request(caller.name)
    known = app.imported_pfx.accept(request)
    if known is not None and known.state is RequestState.DELIVERED:
        return document(200, as_json(known) | _door(caller.name, order.id))
    if pfx is not None and order.parcel is not None and order.parcel.blob is not None:
        app.parcel_blobs.put(order.parcel.blob, pfx)
    message = json.loads(order.model_dump_json(by_alias=True, exclude_none=True))
    app.queue(QUEUE).send(message | {"caller": caller.name})
    begun = {"id": order.id, "state": RequestState.BEGUN.value}
    return document(202, begun | _door(caller.name, order.id))


def _apart(app: Application, order: PFXOrder, caller: str) -> tuple[PFXOrder, bytes | None]:
    """The order without the file in it, and the file: queues take names of blobs. Equal files have equal names."""
    if order.parcel is None or order.parcel.pfx is None:
        return order, None
    pfx = b64decode(order.parcel.pfx)
    if len(pfx) > app.settings.largest_pfx:
        raise too_large(len(pfx), app.settings.largest_pfx)
    check_shell(pfx)
    name = f"{BROUGHT}{caller}/{hashlib.sha256(pfx).hexdigest()}.pfx"
    parcel = order.parcel.model_copy(update={"pfx": None, "blob": name})
    return order.model_copy(update={"parcel": parcel}), pfx


def _show(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    require_tls(req, app)
    caller = app.callers.identify(bearer(req))
    found = app.pfx_requests.find(caller.name, str(req.route_params["id"]))
    if found is None:
        raise UnknownCertificate(f"no PFX request of that id by {caller.name}", public="No such request.")
    return document(200, as_json(found) | _door(caller.name, found.id))


def _deliver(message: PFXRequestMessage) -> None:
    if message.parcel is not None and message.parcel.pfx is not None:
        raise MalformedMessage("a message that brings its PFX itself: on the queue it has to be a blob")
    application().imported_pfx.handle(message.request(message.caller), attempt=message.attempt)


def _door(caller: str, identifier: str) -> dict[str, str]:
    """Where the delivery is fetched, and a key to it for whoever the caller gives it to, already before it is there."""
    delivery = delivery_id(caller, identifier)
    key = application().delivery_keys.seal(delivery)
    return {"status": f"/pfx/requests/{identifier}", "delivery": delivery_path(delivery), "key": key}


def as_json(entry: PFXRequestEntry) -> dict[str, object]:
    """Plain values; times in ISO 8601."""
    return {
        "id": entry.id,
        "caller": entry.caller,
        "state": entry.state.value,
        "user": entry.user,
        "device": entry.device,
        "recipient": entry.recipient,
        "certificates": [
            {"thumbprint": part.thumbprint, "purpose": part.purpose, "failure": part.failure}
            for part in entry.parts
        ],
        "failure": entry.failure,
        "begunAt": entry.begun_at.isoformat(),
        "endedAt": entry.ended_at and entry.ended_at.isoformat(),
    }
