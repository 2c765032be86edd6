"""`/manage/authorities`: the CAs, generation after generation, what lives of each, and the end of one that is lost."""

from __future__ import annotations

import re
from itertools import islice

import azure.functions as func
from pydantic import Field

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from shared.ca.roster import Generation
from shared.errors import MalformedMessage, PolicyViolation, UnknownCertificate
from shared.wiring import Application, application

blueprint = func.Blueprint()

_USUAL_ROWS, _MOST_ROWS, _MOST_AT_ONCE = 1000, 5000, 200
_SERIAL = re.compile("([0-9a-f]{2}){0,20}")


class CompromiseOrder(Body):
    """Which certificates of a CA to revoke: those behind the serial `after`, so many at a time."""

    reason: str = "keyCompromise"
    note: str = Field(default="", max_length=500)
    after: str = Field(default="", pattern=f"^{_SERIAL.pattern}$")
    most: int = Field(default=_MOST_AT_ONCE, ge=1, le=_MOST_AT_ONCE)


@blueprint.function_name("list_authorities")
@blueprint.route("manage/authorities", methods=["GET"])
def list_authorities(req: func.HttpRequest) -> func.HttpResponse:
    """Every key of every CA with its part: issuing, former, or successor."""
    return answer(lambda: _list(req))


@blueprint.function_name("list_live")
@blueprint.route("manage/authorities/{issuer}/live", methods=["GET"])
def list_live(req: func.HttpRequest) -> func.HttpResponse:
    """`?after=<serial>`, `?limit=`: serial and owner of what lives, and `next` to go on with."""
    return answer(lambda: _live(req))


@blueprint.function_name("revoke_authority")
@blueprint.route("manage/authorities/{issuer}/revocation", methods=["POST"])
def revoke_authority(req: func.HttpRequest) -> func.HttpResponse:
    """POST a CompromiseOrder for a CA that issues no more; call again with `next` until it is empty."""
    return answer(lambda: _revoke(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app = application()
    return document(200, {"authorities": [_as_json(app, each) for each in app.authorities.known()]})


def _live(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app, issuer = application(), _generation(req).id
    asked = req.params.get("limit", "")
    limit = min(int(asked) if asked.isdecimal() else _USUAL_ROWS, _MOST_ROWS)
    after = req.params.get("after", "")
    if not _SERIAL.fullmatch(after):
        raise MalformedMessage("after is no serial number", public="`after` has to be a serial number.")
    rows = _page(app, issuer, after, limit)
    return document(
        200, {"certificates": [row for row in rows if _is_holders(row)], "next": _next(rows, limit)}
    )


def _revoke(req: func.HttpRequest) -> func.HttpResponse:
    principal, app, order = authorise(req), application(), read(req, CompromiseOrder)
    found = _generation(req)
    if _part(app, found) == "issuing":
        raise PolicyViolation(
            f"CA {found.id} issues", public="This CA issues: let a successor take over first, then revoke."
        )
    rows = _page(app, found.id, order.after, order.most)
    for serial, _ in rows:
        app.revocations.revoke(found.id, serial, order.reason, by=principal, note=order.note)
    return document(200, {"count": len(rows), "next": _next(rows, order.most)})


def _page(app: Application, issuer: str, after: str, most: int) -> list[tuple[str, str]]:
    return list(islice(app.records.live(issuer, app.clock(), after), most))


def _next(rows: list[tuple[str, str]], most: int) -> str:
    return rows[-1][0] if len(rows) == most else ""


def _is_holders(row: tuple[str, str]) -> bool:
    """Not the CA's own OCSP responder's."""
    return not row[1].startswith("ocsp:")


def _generation(req: func.HttpRequest) -> Generation:
    issuer = req.route_params["issuer"]
    found = next((each for each in application().authorities.known() if each.id == issuer), None)
    if found is None:
        raise UnknownCertificate(f"no CA of ours has the id {issuer!r}", public="No such CA.")
    return found


def _part(app: Application, generation: Generation) -> str:
    now = app.clock()
    if not generation.has_turn(now):
        return "successor"
    return "issuing" if app.authorities.roster.issuing(generation.ca, now).id == generation.id else "former"


def _as_json(app: Application, generation: Generation) -> dict[str, object]:
    certificate, begin = generation.certificate, generation.issues_from
    return {
        "ca": generation.ca,
        "id": generation.id,
        "part": _part(app, generation),
        "subject": certificate.subject.text(),
        "notBefore": certificate.not_before.isoformat(),
        "notAfter": certificate.not_after.isoformat(),
        "issuesFrom": begin.isoformat() if begin else None,
    }
