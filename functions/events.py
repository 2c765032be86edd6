"""Device events: webhooks and Event Grid put them on the queue `device-events`, and from there they are handled."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
from pydantic import AwareDatetime, Field

from functions.answers import answer, text
from functions.authorisation import require_tls
from functions.messages import Message, handle
from shared.devices.document import TOLERANCE, EventDocument, message_of, parse_document
from shared.devices.service import Delivery
from shared.wiring import application

blueprint = func.Blueprint()
QUEUE = "device-events"


class DeviceEventMessage(Message, EventDocument):
    """An EventDocument, as a program may put it there itself. What follows is ours, set when it came by webhook, when
    it comes back (`run`), and when an administrator lets it past the brake (`released`)."""

    version: Any = 1
    received_at: AwareDatetime | None = Field(default=None, alias="receivedAt")
    run: int = Field(default=0, ge=0, le=100)
    released: bool = False


@blueprint.function_name("events")
@blueprint.route("events/{source}", methods=["POST"])
def events(req: func.HttpRequest) -> func.HttpResponse:
    """202 once the event is on the queue; 200 for a delivery that says nothing of certificates."""
    return answer(lambda: _receive(req))


@blueprint.function_name("event_grid")
@blueprint.event_grid_trigger(arg_name="event")
def event_grid(event: func.EventGridEvent) -> None:
    """An Event Grid event whose data is an EventDocument; the service sends it again if this fails."""
    document = parse_document(json.dumps(event.get_json()).encode())
    _enqueue(document)


@blueprint.function_name("handle_device_event")
@blueprint.queue_trigger(arg_name="msg", queue_name=QUEUE, connection="AzureWebJobsStorage")
def handle_device_event(msg: func.QueueMessage) -> None:
    """Hold, revoke or lift, as the profiles say."""
    handle(msg, DeviceEventMessage, QUEUE, _handle)


def _receive(req: func.HttpRequest) -> func.HttpResponse:
    app, body = application(), req.get_body()
    require_tls(req, app)
    if not body and "chunked" in req.headers.get("transfer-encoding", "").lower():
        return text(411, "Send the event with a Content-Length.")
    source = str(req.route_params["source"])
    document = app.event_sources.read(source, req.headers, body, now=app.clock())
    if document is None:
        return text(200, "Nothing to do.")
    _enqueue(document)
    return text(202, "Accepted.")


def _enqueue(document: EventDocument) -> None:
    app = application()
    document.event(app.clock())  # what would be refused later is refused now, while the sender listens
    app.queue(QUEUE).send(message_of(document, app.clock()))


def _handle(message: DeviceEventMessage) -> None:
    app = application()
    now = app.clock()
    received = min(message.received_at or message.first_tried_at or now, now + TOLERANCE)
    again = message.model_copy(update={"received_at": received})
    delivery = Delivery(
        event=message.event(now),
        message=lambda: json.loads(again.model_dump_json(by_alias=True, exclude_none=True)),
        received_at=received,
        run=message.run,
        released=message.released,
    )
    app.device_events.handle(delivery)
