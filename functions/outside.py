"""`/manage/cas`, `/manage/orphans`: outside CAs tried out, and requests to them whose end nobody knows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import azure.functions as func
from pydantic import Field

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from shared.errors import UnknownCertificate
from shared.store.submissions import Submission
from shared.wiring import Application, application

blueprint = func.Blueprint()


class DismissOrder(Body):
    """Whether the orphan was looked for at its CA, and who it is."""

    id: str = Field(pattern="^[0-9a-f]{32}$")


@blueprint.function_name("check_ca")
@blueprint.route("manage/cas/{name}/check", methods=["POST"])
def check_ca(req: func.HttpRequest) -> func.HttpResponse:
    """Ask the outside CA for one certificate, and say what it makes of such a request."""
    return answer(lambda: _check(req))


@blueprint.function_name("list_orphans")
@blueprint.route("manage/orphans", methods=["GET"])
def list_orphans(req: func.HttpRequest) -> func.HttpResponse:
    """Requests to outside CAs of which nobody here has a certificate; with `?all=true` those at work too."""
    return answer(lambda: _orphans(req))


@blueprint.function_name("dismiss_orphan")
@blueprint.route("manage/orphans/dismiss", methods=["POST"])
def dismiss_orphan(req: func.HttpRequest) -> func.HttpResponse:
    """POST a DismissOrder: it was looked for at its CA, and goes off the list."""
    return answer(lambda: _dismiss(req))


def _check(req: func.HttpRequest) -> func.HttpResponse:
    from shared.ca.trial import try_out

    authorise(req)
    app, name = application(), str(req.route_params["name"]).lower()
    if name not in app.outside_issuers:
        known = ", ".join(app.outside_issuers) or "none"
        raise UnknownCertificate(f"no outside CA {name!r:.60}", public=f"No such CA; there are {known}.")
    lives = [each.life for each in app.profiles.profiles.values() if each.ca == name]
    outcomes = try_out(
        app.outside_ca(name),
        app.identity_of(name),
        now=app.clock(),
        life=max(lives, default=timedelta(days=365)),
    )
    return document(
        200, {"ok": all(each.ok for each in outcomes), "outcomes": [asdict(each) for each in outcomes]}
    )


def _orphans(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app, at_work = application(), req.params.get("all") == "true"
    return document(200, {"orphans": [_as_json(app, each) for each in app.orphans(at_work=at_work)]})


def _dismiss(req: func.HttpRequest) -> func.HttpResponse:
    principal, app, order = authorise(req), application(), read(req, DismissOrder)
    found = next((each for each in app.orphans(at_work=True) if each.id == order.id), None)
    if found is None:
        raise UnknownCertificate(f"no orphan {order.id}", public="No such orphan is on the list.")
    app.dismiss(found, by=principal)
    return document(200, _as_json(app, found))


def _as_json(app: Application, orphan: Submission) -> dict[str, object]:
    claim = app.records.find_claim(orphan.owner, orphan.identity)
    return {
        "id": orphan.id,
        "ca": app.outside_names.get(orphan.issuer, orphan.issuer),
        "sentAt": orphan.sent_at.isoformat(),
        "subject": orphan.subject,
        "owner": orphan.owner,
        "profile": orphan.profile,
        "keyHash": orphan.key_hash,
        "serial": orphan.serial,
        "problem": orphan.problem,
        "onRecord": claim.serial if claim is not None else "",
    }
