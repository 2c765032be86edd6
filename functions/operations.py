"""`/manage/events`, `/manage/queues`, `/manage/health`: what happened, what is stuck, and how it all is."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice

import azure.functions as func
from pydantic import Field

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from shared.devices.document import parse_document
from shared.devices.plan import Effect
from shared.errors import UnknownCertificate
from shared.record.health import worst
from shared.record.poison import Poison
from shared.store.devices import EventEntry
from shared.wiring import application

blueprint = func.Blueprint()

_USUAL_ROWS, _MOST_ROWS, _PAGE = 100, 1000, 32


class RedriveOrder(Body):
    """How many messages to drive back now."""

    most: int = Field(default=_PAGE, ge=1, le=_PAGE)


@blueprint.function_name("list_events")
@blueprint.route("manage/events", methods=["GET"])
def list_events(req: func.HttpRequest) -> func.HttpResponse:
    """`?source=`, `?limit=`: what became of device events, by source and id."""
    return answer(lambda: _list_events(req))


@blueprint.function_name("preview_event")
@blueprint.route("manage/events/preview", methods=["POST"])
def preview_event(req: func.HttpRequest) -> func.HttpResponse:
    """POST an event; what it would do to which certificates. Nothing is done."""
    return answer(lambda: _preview(req))


@blueprint.function_name("list_queues")
@blueprint.route("manage/queues", methods=["GET"])
def list_queues(req: func.HttpRequest) -> func.HttpResponse:
    """How many messages of each queue could not be handled."""
    return answer(lambda: _list_queues(req))


@blueprint.function_name("show_poison")
@blueprint.route("manage/queues/{name}/poison", methods=["GET"])
def show_poison(req: func.HttpRequest) -> func.HttpResponse:
    """Some messages that could not be handled, each with its reason."""
    return answer(lambda: _show_poison(req))


@blueprint.function_name("redrive_queue")
@blueprint.route("manage/queues/{name}/redrive", methods=["POST"])
def redrive_queue(req: func.HttpRequest) -> func.HttpResponse:
    """POST a RedriveOrder; how many were sent again, and how many cannot be. Call again until it is none."""
    return answer(lambda: _redrive(req))


@blueprint.function_name("health")
@blueprint.route("manage/health", methods=["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Every finding, and the level of the worst."""
    return answer(lambda: _health(req))


def _list_events(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    asked = req.params.get("limit", "")
    limit = min(int(asked) if asked.isdecimal() else _USUAL_ROWS, _MOST_ROWS)
    found = islice(application().event_log.entries(req.params.get("source")), limit)
    return document(200, {"events": [_entry(entry) for entry in found]})


def _preview(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app = application()
    event = parse_document(req.get_body()).event(app.clock())
    outcome, effects = app.device_events.preview(event)
    counts = {"revoked": outcome.revoked, "held": outcome.held, "lifted": outcome.lifted}
    return document(200, counts | {"effects": [_effect(effect) for effect in effects]})


def _list_queues(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    queues = [{"name": name, "poison": each.length()} for name, each in application().poison.items()]
    return document(200, {"queues": queues})


def _show_poison(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    found = _queue(req).look(_PAGE)
    messages = [
        {"reason": each.reason, "message": each.message, "redrivable": each.content is not None}
        for each in found
    ]
    return document(200, {"messages": messages})


def _redrive(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    return document(200, asdict(_queue(req).drive_back(read(req, RedriveOrder).most)))


def _health(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    findings = application().health()
    return document(200, {"level": worst(findings), "findings": [asdict(finding) for finding in findings]})


def _queue(req: func.HttpRequest) -> Poison:
    name = str(req.route_params["name"])
    found = application().poison.get(name)
    if found is None:
        known = ", ".join(application().poison)
        raise UnknownCertificate(f"no queue {name!r:.60}", public=f"No such queue; there are {known}.")
    return found


def _entry(entry: EventEntry) -> dict[str, object]:
    return {
        "source": entry.source,
        "id": entry.id,
        "type": entry.type,
        "owner": entry.owner,
        "occurredAt": entry.occurred_at.isoformat(),
        "handledAt": entry.handled_at.isoformat(),
        "state": entry.state,
        "revoked": entry.revoked,
        "held": entry.held,
        "lifted": entry.lifted,
        "note": entry.note,
    }


def _effect(effect: Effect) -> dict[str, object]:
    return {
        "serial": effect.claim.serial,
        "profile": effect.claim.profile,
        "act": effect.act,
        "reason": effect.reason,
        "finalAt": effect.final_at and effect.final_at.isoformat(),
    }
