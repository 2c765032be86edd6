"""`/manage/requests`: enrolments that wait for an administrator, and what is decided of them."""

from __future__ import annotations

from itertools import islice

import azure.functions as func
from pydantic import Field

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from shared.asn1 import oids
from shared.asn1.reader import read_der
from shared.policy.public_key import describe
from shared.store.pending import Decision, PendingRequest, Verdict
from shared.wiring import Application, application
from shared.x509.extensions import parse_extensions
from shared.x509.general_names import parse_general_names
from shared.x509.names import Name
from shared.x509.public_key import load_public_key

blueprint = func.Blueprint()

_MOST_ROWS = 1000
_DECISIONS = {"approve": Decision.APPROVED, "deny": Decision.DENIED}


class DecisionOrder(Body):
    """Body of a decision: approve or deny, and a note for the record."""

    decision: str = Field(pattern="^(approve|deny)$")
    note: str = Field(default="", max_length=500)


@blueprint.function_name("list_requests")
@blueprint.route("manage/requests", methods=["GET"])
def list_requests(req: func.HttpRequest) -> func.HttpResponse:
    """`?profile=`, `?state=pending`, `approved` or `denied`: what is on record, by profile."""
    return answer(lambda: _list(req))


@blueprint.function_name("decide_request")
@blueprint.route("manage/requests/{id}", methods=["PUT"])
def decide_request(req: func.HttpRequest) -> func.HttpResponse:
    """PUT a DecisionOrder; returns the request as it is now."""
    return answer(lambda: _decide(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app = application()
    profile, state = req.params.get("profile"), req.params.get("state")
    found = (
        request
        for request in app.decisions.all(app.clock())
        if profile in (None, request.profile) and state in (None, request.state)
    )
    return document(200, {"requests": [as_json(app, request) for request in islice(found, _MOST_ROWS)]})


def _decide(req: func.HttpRequest) -> func.HttpResponse:
    principal = authorise(req)
    app = application()
    order = read(req, DecisionOrder)
    verdict = Verdict(_DECISIONS[order.decision], principal, app.clock(), order.note)
    return document(200, as_json(app, app.decisions.decide(str(req.route_params["id"]), verdict)))


def as_json(app: Application, request: PendingRequest) -> dict[str, object]:
    """Plain values; times in ISO 8601. `serial` is of what was issued, empty if nothing was."""
    names = parse_extensions(read_der(request.extensions)).get(oids.SUBJECT_ALTERNATIVE_NAME)
    verdict = request.verdict
    return {
        "id": request.id,
        "state": request.state,
        "profile": request.profile,
        "subject": Name.from_der(request.subject).text(),
        "sans": [name.text() for name in parse_general_names(names[1])] if names else [],
        "key": describe(load_public_key(request.spki)),
        "keyHash": request.key_hash,
        "days": request.life.days,
        "device": request.device,
        "user": request.user,
        "vouchedBy": request.vouched_by,
        "transaction": request.transaction_id,
        "requestedAt": request.requested_at.isoformat(),
        "endsAt": request.ends_at.isoformat(),
        "serial": app.decisions.serial(request),
        "verdict": verdict and {"by": verdict.by, "at": verdict.at.isoformat(), "note": verdict.note},
    }
