"""Graph's change notifications: taken at `/events/graph`, put on the queue `graph-changes`, read again from there."""

from __future__ import annotations

import html

import azure.functions as func
from pydantic import AwareDatetime, Field

from functions.answers import answer, text
from functions.authorisation import require_tls
from functions.messages import Message, handle
from shared.wiring import Application, application

blueprint = func.Blueprint()
QUEUE = "graph-changes"
_IN_ONE_MESSAGE = 50
_PLAIN = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class GraphChange(Message):
    """Users of an integration to be read again, members that may have left a group, and whether subscriptions want
    looking after."""

    integration: str = Field(pattern="^[a-z0-9-]{1,64}$")
    users: tuple[str, ...] = Field(default=(), max_length=_IN_ONE_MESSAGE)
    left: tuple[tuple[str, str], ...] = Field(default=(), max_length=_IN_ONE_MESSAGE)
    renew: bool = False
    received_at: AwareDatetime = Field(alias="receivedAt")


@blueprint.function_name("graph_notifications")
@blueprint.route("events/graph", methods=["POST"])
def graph_notifications(req: func.HttpRequest) -> func.HttpResponse:
    """The handshake of a subscription, or a delivery: 202 once what it hints at is on the queue."""
    return answer(lambda: _receive(req))


@blueprint.function_name("handle_graph_change")
@blueprint.queue_trigger(arg_name="msg", queue_name=QUEUE, connection="AzureWebJobsStorage")
def handle_graph_change(msg: func.QueueMessage) -> None:
    """Read again what a notification hinted at, and tell what has changed."""
    handle(msg, GraphChange, QUEUE, _handle)


def _receive(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    require_tls(req, app)
    if not app.takes_notifications:
        return text(404, "No such source of events.")
    token = req.params.get("validationToken")
    if token is not None:
        return _shake_hands(token)
    body = req.get_body()
    if not body and "chunked" in req.headers.get("transfer-encoding", "").lower():
        return text(411, "Send the notifications with a Content-Length.")
    _enqueue(app, body)
    return text(202, "Accepted.")


def _shake_hands(token: str) -> func.HttpResponse:
    """Graph wants its token back as plain text, within ten seconds; nobody gets a page of our making by it."""
    from shared.intune.directory.notices import LONGEST_TOKEN

    if not token or len(token) > LONGEST_TOKEN or not token.isprintable():
        return text(400, "No validation token.")
    return func.HttpResponse(html.escape(token), headers=_PLAIN, mimetype="text/plain", charset="utf-8")


def _enqueue(app: Application, body: bytes) -> None:
    now = app.clock().isoformat()
    for integration, hints in app.hints_in(body).items():
        common: dict[str, object] = {"version": 1, "integration": integration, "receivedAt": now}
        users, left = list(hints.users), list(hints.left)
        for start in range(0, max(len(users), len(left), int(hints.renew)), _IN_ONE_MESSAGE):
            some = slice(start, start + _IN_ONE_MESSAGE)
            more = {"users": users[some], "left": left[some], "renew": hints.renew and not start}
            app.queue(QUEUE).send(common | more)


def _handle(change: GraphChange) -> None:
    application().reread(
        change.integration, change.users, change.left, renew=change.renew, at=change.received_at
    )
